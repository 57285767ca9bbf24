/** Row 8 with a real browser: a page of another origin, and one that was rebound to our port, change nothing and read nothing. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { execManifest, Fleet } from '../harness.ts';

/** A name that a page's own DNS server could point at 127.0.0.1 at any moment. */
const REBOUND = 'rebound.example';
const SECRET_LABEL = 'canary-label-of-an-agent';

let fleet: Fleet;
let port: number;
let token: string;
let evil: Server;
let evilPort: number;
let browser: Browser;
beforeAll(async () => {
  fleet = new Fleet();
  await fleet.controller(['--listen', '127.0.0.1:0']);
  port = Number((await fleet.json(['controller', 'status'])).listen.split(':').at(-1));
  token = (await fleet.ok(['token', 'create', '--role', 'admin'])).match(/sac_[\w-]{40,}/)?.[0] ?? '';
  const manifest = JSON.parse(execManifest('web', ['sleep', '1000'], { startup: { minReadySeconds: 0 } }));
  manifest.metadata.labels = { canary: SECRET_LABEL };
  await fleet.ok(['apply', '-f', '-', '--wait'], { stdin: JSON.stringify(manifest) });
  evil = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>evil</title><body></body>');
  });
  await new Promise<void>((listening) => evil.listen(0, '127.0.0.1', listening));
  evilPort = (evil.address() as AddressInfo).port;
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--host-resolver-rules=MAP ${REBOUND} 127.0.0.1`,
      // The browser's own guard of local networks is taken away: ours has to hold alone.
      '--disable-features=BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights,LocalNetworkAccessChecks',
    ],
  });
});
afterAll(async () => {
  await browser?.close();
  evil?.close();
  await fleet[Symbol.asyncDispose]();
});

/** What a page at `origin` managed to read of the controller, by every way that a page has. */
async function attack(page: Page, target: string, known: string): Promise<readonly string[]> {
  await page.addScriptTag({ content: readFileSync(join(import.meta.dirname, 'page', 'attack.mjs'), 'utf8') });
  return page.evaluate(`attack(${JSON.stringify({ target, known })})`);
}

const state = async () => ({
  agents: (await fleet.json(['get', 'agents'])).items.map(({ metadata, status }: Seen) => [
    metadata.name,
    metadata.generation,
    metadata.deletionTimestamp,
    metadata.restartRequestedAt,
    status.instances[0]?.pid,
  ]),
  tokens: (await fleet.json(['token', 'list'])).length,
  pid: (await fleet.json(['controller', 'status'])).pid,
});
interface Seen {
  readonly metadata: {
    readonly name: string;
    readonly generation: number;
    readonly deletionTimestamp?: string;
    readonly restartRequestedAt?: string;
  };
  readonly status: { readonly instances: readonly { readonly pid?: number }[] };
}

describe('a page in the browser of the operator', () => {
  it('the browser, the token and the door work: asked by its own name, with the token, it answers', async () => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${port}/healthz`);
    const text = await page.evaluate(
      async (known) => (await fetch('/apis/sac/v1/agents', { headers: { authorization: `Bearer ${known}` } })).text(),
      token,
    );
    expect(text).toContain(SECRET_LABEL);
    await page.close();
  });

  it.each([
    ['of another port', () => `http://127.0.0.1:${evilPort}/`],
    ['of another name', () => `http://${REBOUND}:${evilPort}/`],
  ])('%s reads nothing and changes nothing', async (_, at) => {
    const before = await state();
    const page = await browser.newPage();
    await page.goto(at());
    for (const target of [`http://127.0.0.1:${port}`, `http://localhost:${port}`])
      expect(await attack(page, target, token)).toEqual([]);
    await page.close();
    expect(await state()).toEqual(before);
  });

  it('whose name was rebound to our address and port reads nothing and changes nothing', async () => {
    const before = await state();
    const page = await browser.newPage();
    // The page itself came from elsewhere; all that it asks for afterwards reaches the controller, as of the same origin.
    await page.route(`http://${REBOUND}:${port}/page`, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<body></body>' }),
    );
    await page.goto(`http://${REBOUND}:${port}/page`);
    expect(await attack(page, `http://${REBOUND}:${port}`, token)).toEqual([]);
    await page.close();
    expect(await state()).toEqual(before);
  });
});
