// Tells the site in which time zone its viewer is, so that times and days are the viewer's. A page that was made in
// another zone, as the very first one, is loaded anew; once, because a zone that the site does not know stays unknown.
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const wanted = `ragsite_zone=${zone}`;
  if (!zone || document.cookie.split("; ").includes(wanted)) return;
  document.cookie = `${wanted}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  document.addEventListener("DOMContentLoaded", () => {
    const shown = document.getElementById("dashboard")?.dataset.zone;
    if (shown && shown !== zone && document.cookie.includes(wanted)) location.reload();
  });
})();
