// The server as a page reaches it: its addresses, and through the process that serves the page what only that can do.

export class PageServer {
  constructor({ apiUrl, socketUrl }) {
    this.apiUrl = apiUrl;
    this.socketUrl = socketUrl;
  }

  createApp(...args) { return atOnce('createApp', args); }
  cli(...args) { return atOnce('cli', args); }
  start() { return later('start', []); }
  stop(signal) { return later('stop', [signal]); }
  metrics() { return later('metrics', []); }
}

// Scenarios expect these calls to be done when they return, so the page stands still for them.
function atOnce(method, args) {
  const request = new XMLHttpRequest();
  request.open('POST', '/server', false);
  request.send(JSON.stringify({ method, args }));
  if (request.status !== 200) throw new Error(`${method}: ${request.responseText}`);
  return JSON.parse(request.responseText).value;
}

async function later(method, args) {
  const answer = await fetch('/server', { method: 'POST', body: JSON.stringify({ method, args }) });
  if (!answer.ok) throw new Error(`${method}: ${await answer.text()}`);
  return (await answer.json()).value;
}
