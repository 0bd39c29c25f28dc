"""Who gets what from every address: generated from the URL configuration, so that no new page is forgotten."""
