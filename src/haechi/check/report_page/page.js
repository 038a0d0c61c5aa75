"use strict";
// Comforts only: the page is whole without this script. It lays file and original over each other, and keeps the
// document's language in step with the switch.
for (const choice of document.querySelectorAll("input.language")) {
  const speak = () => { if (choice.checked) document.documentElement.lang = choice.value; };
  choice.addEventListener("change", speak);
  speak();
}
for (const stage of document.querySelectorAll(".stage[data-overlay]")) {
  const controls = stage.querySelector(".controls");
  const range = controls.querySelector("input");
  const buttons = [...controls.querySelectorAll("button")];
  const split = () => stage.style.setProperty("--split", range.value + "%");
  const flip = () => { if (stage.dataset.mode === "flip") stage.classList.toggle("original"); };
  const choose = (mode) => {
    if (mode === "flip" && stage.dataset.mode === "flip") return flip();
    stage.dataset.mode = mode;
    stage.classList.toggle("original", mode === "flip");
    range.hidden = mode !== "slide";
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  };
  controls.hidden = false;
  range.addEventListener("input", split);
  for (const button of buttons) button.addEventListener("click", () => choose(button.dataset.mode));
  for (const picture of stage.querySelectorAll(".probe, .master")) picture.addEventListener("click", flip);
  split();
}
