// Asks the browser for a security key, and sends what the key has answered.
"use strict";

const ask = {
  create: (options) => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }),
  get: (options) => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }),
};

for (const form of document.querySelectorAll("form[data-key]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const answer = await ask[form.dataset.key](JSON.parse(form.dataset.options));
      form.elements.credential.value = JSON.stringify(answer.toJSON());
      form.submit();
    } catch {
      form.querySelector("[role=alert][hidden]")?.removeAttribute("hidden");
    }
  });
}
