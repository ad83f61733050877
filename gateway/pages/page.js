// Sends a page's form to the API, with the secret of the link that led here.
"use strict";

const form = document.querySelector("form");
const outcome = document.getElementById("outcome");
const token = location.hash.slice(1);

history.replaceState(null, "", location.pathname); // neither history nor a glance at the screen has the secret

function say(text, bad) {
  outcome.textContent = text;
  outcome.className = bad ? "bad" : "good";
}

async function send() {
  const body = { token };
  for (const field of form.elements) {
    if (field.name) body[field.name] = field.type === "checkbox" ? field.checked : field.value;
  }
  const response = await fetch(form.dataset.action, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    credentials: "same-origin",
    body: JSON.stringify(body),
  });
  if (response.ok) {
    form.remove();
    say(form.dataset.done, false);
    return;
  }
  const problem = await response.json();
  say(problem.detail || problem.title, true);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    await send();
  } catch {
    say("No answer. Try again in a moment.", true);
  } finally {
    button.disabled = false;
  }
});

if (!token) say("This link is not complete: open it as it stands in the mail.", true);
