// What the portal serves of Tabler's stylesheet: the rules whose words stand somewhere in the portal's own source. Paths
// are seen from static/. Variables are all kept, since the portal's stylesheets use them as well.
module.exports = {
  content: ["../templates/**/*.html", "../trunks/**/*.py", "../portal/**/*.py", "portal/*.js"],
  css: ["node_modules/@tabler/core/dist/css/tabler.min.css"],
  output: "vendor/tabler/",
  fontFace: true,
  keyframes: true,
};
