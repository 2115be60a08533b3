// Loads a vendor's file into a window with a script tag, as its documentation tells apps to.

export async function loadSdk(target, address) {
  const script = target.document.createElement('script');
  script.src = address;
  await new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${address} cannot be loaded`));
    target.document.head.append(script);
  });
  const sdk = target.websdk.default ?? target.websdk;
  sdk.logger?.disableAll?.();
  return sdk;
}
