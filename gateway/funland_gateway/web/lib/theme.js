// Sets the theme before anything is drawn. A classic script, so that it runs before the style sheets' first use.
"use strict";
{
  let kept = null;
  try {
    kept = localStorage.getItem("funland.theme");
  } catch {
    // Storage is shut off: the system's theme it is.
  }
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
}
