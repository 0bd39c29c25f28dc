"""What has to be tidied now and then, whatever the portal is for."""

from celery import shared_task
from django.conf import settings
from django.core.management import call_command

from portal import broker

TAKEN_MESSAGES_SECONDS = 600


@shared_task
def empty_broker() -> None:
    """Delete the embedded broker's files of messages that were taken more than ten minutes ago."""
    broker.empty_processed(settings.BROKER_DIR, TAKEN_MESSAGES_SECONDS)


@shared_task
def clear_sessions() -> None:
    """Delete the sessions that have run out."""
    call_command("clearsessions")
