// What the pages do besides links and forms: show an answer when it is there, read a file, print.
"use strict";

const told = document.getElementById("told");
let looks = 0;

async function look() {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (answer.redirected) return location.assign(answer.url); // what was fetched has a page of its own
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!page.getElementById("told") || page.querySelector("[data-in-progress]")) return later();
  // The live region stays, so that what came of it is read out.
  const fresh = page.querySelector("main");
  const said = page.getElementById("told").innerHTML;
  page.getElementById("told").replaceWith(told);
  document.querySelector("main").replaceChildren(...fresh.childNodes);
  told.innerHTML = said;
}

function later() {
  looks += 1;
  if (looks <= 10) setTimeout(look, 1000 * Math.min(looks, 5));
}

if (told?.querySelector("[data-in-progress]")) later();

for (const chooser of document.querySelectorAll("[data-file-into]")) {
  chooser.hidden = false;
  chooser.querySelector("input").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) document.getElementById(chooser.dataset.fileInto).value = await file.text();
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
