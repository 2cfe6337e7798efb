// The pages of the API in the theme that the chat has: the system's, or the one chosen there.
"use strict";
const system = matchMedia("(prefers-color-scheme: dark)");
const paint = () => {
  const chosen = localStorage.getItem("theme");
  const dark = chosen === "dark" || (chosen !== "light" && system.matches);
  document.documentElement.classList.toggle("dark-mode", dark);
};
paint();
system.addEventListener("change", paint);
