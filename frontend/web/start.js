// Appended to the generated script: starts the module, or says why it cannot be started.
__wbg_init({ module_or_path: '{{app.wasm}}' }).catch((reason) => {
  const state = document.getElementById('shell-state');
  if (state) state.textContent = `The dashboard could not start (${reason}). Reload the page, or use a newer browser.`;
  throw reason;
});
