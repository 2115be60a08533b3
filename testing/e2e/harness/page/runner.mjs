// The page that stays: asks for one scenario after another and gives each a frame of its own, as fresh as a new tab.

for (;;) {
  const job = await (await fetch('/next', { method: 'POST' })).json();
  const failure = await new Promise((resolve) => {
    const frame = document.createElement('iframe');
    window.addEventListener('message', ({ source, data }) => {
      if (source !== frame.contentWindow) return;
      frame.remove();
      resolve(data.failure);
    }, { signal: AbortSignal.timeout(600_000) });
    frame.src = `/harness/page/frame.html#${encodeURIComponent(JSON.stringify(job))}`;
    document.body.append(frame);
  });
  await fetch('/result', { method: 'POST', body: JSON.stringify({ failure }) });
}
