/** Fuzzing with fast-check: 20 seconds each, longer with SAC_FUZZ_SECONDS. A failure prints its seed and path; set SAC_FUZZ_SEED to repeat it. */
import { execFileSync } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ControlParser } from '../../adapters/runtimes/tmux/control/control-parser.ts';
import { command, literal, word } from '../../adapters/runtimes/tmux/control/language.ts';
import { LISTING, parsePane } from '../../adapters/runtimes/tmux/listing.ts';
import { quoteArgv, quoteWord } from '../../adapters/transport/quote.ts';
import { readManifests } from '../../api/manifests/read.ts';
import { ROUTES, type RouteName } from '../../api/protocol.ts';
import type { FleetId } from '../../api/resources/names.ts';
import { Fleet } from '../harness.ts';
import { payloads } from './payloads.ts';

const SECONDS = Number(process.env['SAC_FUZZ_SECONDS'] ?? 20);
const seed = process.env['SAC_FUZZ_SEED'];
/** Runs for `share` of the time, however many runs that is. */
const during = (share = 1): fc.Parameters<unknown> => ({
  numRuns: Number.MAX_SAFE_INTEGER,
  interruptAfterTimeLimit: SECONDS * share * 1000,
  ...(seed !== undefined && { seed: Number(seed) }),
});
const TIMEOUT = SECONDS * 3_000 + 60_000;

const nasty = fc.constantFrom(...payloads('/nonexistent/canary'));
const text = fc.oneof(
  nasty,
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
);

describe('manifest reader', () => {
  const scalar = fc.oneof(
    text,
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constantFrom(null, 'sac/v1', 'Agent', '*a', '&a x', '!!js/x', '<<'),
  );
  const fields = fc.constantFrom(
    'apiVersion',
    'kind',
    'metadata',
    'name',
    'labels',
    'spec',
    'command',
    'env',
    'place',
    'hooks',
    'session',
    '__proto__',
    'constructor',
    '<<',
    '',
  );
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      scalar,
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(fields, text), tie('tree'), { maxKeys: 5 }),
    ),
  }));
  const pieces = fc.constantFrom(
    'apiVersion: sac/v1\n',
    'kind: Agent\n',
    'metadata: {name: x}\n',
    'spec:\n',
    '  command: [a]\n',
    '---\n',
    '...\n',
    '- ',
    '? ',
    ': ',
    '&a ',
    '*a ',
    '!!',
    '|',
    '>-\n',
    '"',
    "'",
    '[',
    ']',
    '{',
    '}',
    ',',
    '#',
    '%YAML 1.1\n',
    '\t',
    '\n',
    '<<: ',
    '\ufeff',
    '@',
    '`',
  );
  const source = fc.oneof(
    tree.map((value) => JSON.stringify(value) ?? ''),
    fc.array(fc.oneof(pieces, text), { maxLength: 40 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 400 }),
  );

  it(
    'answers any text with documents or located problems, and leaves the world alone',
    () => {
      fc.assert(
        fc.property(source, fc.boolean(), (written, inFolder) => {
          const { documents, problems } = readManifests(written, 'f.yaml', inFolder ? { folderName: 'x' } : {});
          expect(documents.length + problems.length).toBeGreaterThan(0);
          for (const { text: said, line, column } of problems) {
            expect(said).toMatch(/^f\.yaml:\d+:\d+/);
            expect(line).toBeGreaterThan(0);
            expect(column).toBeGreaterThan(0);
            // Problems are short, whatever they are about.
            expect(said.length).toBeLessThan(5_000);
          }
          for (const { manifest, name } of documents) {
            expect(name).toMatch(/^[a-z0-9-]{1,63}$/);
            // What was read reads the same when it is written down.
            expect(readManifests(JSON.stringify(manifest), 'f.yaml').documents[0]?.manifest).toEqual(manifest);
          }
          expect(Object.keys(Object.prototype)).toEqual([]);
        }),
        during(),
      );
    },
    TIMEOUT,
  );
});

describe('tmux', () => {
  const line = fc.oneof(
    fc.constantFrom(
      '%begin 1 1 1',
      '%end 1 1 1',
      '%error 1 1 1',
      '%begin 1 2 0',
      '%end 1 2 0',
      '%exit',
      '%output %1 x',
      'n-1',
      'n-2',
      '',
      '%session-changed $1 x',
    ),
    text.map((value) => value.replace(/\n/g, ' ')),
  );

  it(
    'the control parser answers each request once and with its own lines, whatever a screen shows',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(line, { maxLength: 8 }), { maxLength: 6 }),
          fc.array(line, { maxLength: 6 }),
          async (screens, noise) => {
            const parser = new ControlParser(() => undefined);
            const replies = screens.map((_, i) => parser.expect(`nonce-${i}`));
            for (const one of noise) if (!one.startsWith('%begin ')) parser.feed(one);
            screens.forEach((screen, i) => {
              // tmux's numbers are its own: a screen cannot know them.
              for (const [n, lines] of [
                [2 * i, screen],
                [2 * i + 1, [`nonce-${i}`]],
              ] as const) {
                parser.feed(`%begin 170000 ${900 + n} 1`);
                for (const one of lines) parser.feed(one);
                parser.feed(`%end 170000 ${900 + n} 1`);
              }
            });
            expect(parser.pending).toBe(0);
            expect((await Promise.all(replies)).map(({ lines }) => lines)).toEqual(screens);
          },
        ),
        during(0.4),
      );
    },
    TIMEOUT,
  );

  it(
    'the listing takes no line for ours that is not',
    () => {
      const fleet = '0badcafe' as FleetId;
      const width = LISTING.split('\t').length;
      const cell = fc.oneof(
        text,
        fc.constantFrom('0badcafe.web', '0badcafe.', 'deadbeef.web', '1', '0', '1700000000000', 'web', '%1', ''),
      );
      fc.assert(
        fc.property(
          fc.oneof(
            fc.array(cell, { maxLength: width + 3 }).map((cells) => cells.join('\t')),
            text,
          ),
          (listed) => {
            const pane = parsePane(listed, fleet);
            if (!pane) return;
            const cells = listed.split('\t');
            expect(pane.sighting.id.startsWith('0badcafe.')).toBe(true);
            expect(cells[0]).toBe(pane.sighting.id);
            // The pane itself is named; earlier versions had a mark of the pane.
            expect(['1', cells[5]]).toContain(cells[3]);
            expect(pane.paneId).toMatch(/./);
            expect(pane.sighting.session).toBe(pane.sighting.id.slice('0badcafe.'.length));
            expect(Number.isSafeInteger(pane.sighting.incarnation)).toBe(true);
            if (pane.sighting.pid !== undefined) expect(pane.sighting.pid).toBeGreaterThan(0);
          },
        ),
        during(0.3),
      );
    },
    TIMEOUT,
  );

  it(
    'a word stays one word of one command',
    () => {
      fc.assert(
        fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (words) => {
          const lineBreak = words.some((one) => /[\n\r\0]/.test(one));
          if (lineBreak) {
            expect(() => command(...words)).toThrow();
            return;
          }
          // tmux reads quotes as sh does: outside of them nothing may be left that means anything.
          const bare = words
            .map(word)
            .join(' ')
            .replace(/'[^']*'|\\'/g, '');
          expect(bare).toMatch(/^[A-Za-z0-9_@+=:,./% -]*$/);
          for (const one of words) expect(literal(one).replaceAll('##', '')).not.toContain('#');
        }),
        during(0.3),
      );
    },
    TIMEOUT,
  );
});

describe('quoting', () => {
  const noNul = fc.oneof(text, fc.string({ maxLength: 30 })).map((value) => value.replaceAll('\0', ''));

  it.each(['sh', 'dash', 'bash', 'zsh'])(
    '%s gives back every word, and runs nothing',
    (shell) => {
      fc.assert(
        fc.property(
          fc.array(fc.array(noNul, { minLength: 1, maxLength: 6 }), { minLength: 30, maxLength: 60 }),
          (lists) => {
            // Lone surrogates are no text that a process can be given.
            const argvs = lists.map((words) => words.map((one) => one.toWellFormed()));
            const script = argvs
              .map((argv) => `printf '%s\\0' ${argv.map(quoteWord).join(' ')} x; printf '\\0'`)
              .join('\n');
            const output = execFileSync(shell, ['-s'], {
              input: script,
              env: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8' },
              maxBuffer: 1 << 27,
              timeout: 60_000,
            });
            expect(output.toString()).toBe(argvs.map((argv) => `${argv.join('\0')}\0x\0\0`).join(''));
            for (const argv of argvs) expect(quoteArgv(argv)).not.toMatch(/^[A-Za-z_]+=/);
          },
        ),
        during(0.25),
      );
    },
    TIMEOUT,
  );
});

describe('HTTP', () => {
  it(
    'answers any body of any route as its maker or as wrong, never with a fault of its own',
    async () => {
      await using fleet = new Fleet();
      const controller = await fleet.controller();
      const socketPath = join(fleet.home, 'sac.sock');
      const names = (Object.keys(ROUTES) as RouteName[]).filter((name) => name !== 'stopController');
      const ask = (
        method: string,
        path: string,
        body: string,
        type: string,
      ): Promise<{ status: number; text: string }> =>
        new Promise((resolve, reject) => {
          const bytes = Buffer.from(body);
          const asked = request(
            {
              socketPath,
              method,
              path,
              headers: { host: 'localhost', 'content-type': type, 'content-length': bytes.length },
              timeout: 20_000,
            },
            (response) => {
              // A watch goes on: its first bytes are enough.
              if (response.statusCode === 200 && /watch|follow/.test(path)) {
                resolve({ status: response.statusCode ?? 0, text: '' });
                response.destroy();
                return;
              }
              let answer = '';
              response.on('data', (chunk) => {
                answer += chunk;
              });
              response.on('end', () => resolve({ status: response.statusCode ?? 0, text: answer }));
            },
          );
          asked.on('timeout', () => asked.destroy(new Error(`${method} ${path} was not answered`)));
          asked.on('error', reject);
          asked.end(bytes);
        });
      const leaf = fc.oneof(
        text,
        fc.integer(),
        fc.double(),
        fc.boolean(),
        fc.constant(null),
        fc.constantFrom('sac/v1', 'Agent', 'x', 'apply', 'cli'),
      );
      const key = fc.oneof(
        fc.constantFrom(
          'items',
          'origin',
          'manifest',
          'source',
          'kind',
          'name',
          'metadata',
          'spec',
          'command',
          'labels',
          'annotations',
          'resourceVersion',
          'force',
          'dryRun',
          'prune',
          'labelSelector',
          'role',
          'by',
          'apiVersion',
          '__proto__',
          'constructor',
          'toString',
        ),
        text,
      );
      const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
        tree: fc.oneof(
          { depthSize: 'small' },
          leaf,
          fc.array(tie('tree'), { maxLength: 4 }),
          fc.dictionary(key, tie('tree'), { maxKeys: 6 }),
        ),
      }));
      const shaped = fc.record({
        items: fc.array(
          fc.record({
            origin: text,
            manifest: fc.record({
              apiVersion: fc.constant('sac/v1'),
              kind: fc.constant('Agent'),
              metadata: fc.record({ name: fc.oneof(fc.constantFrom('a', 'b'), text) }),
              spec: fc.dictionary(key, tree, { maxKeys: 4 }),
            }),
          }),
          { maxLength: 3 },
        ),
        source: fc.record({ kind: fc.constantFrom('apply', 'directory', 'x'), name: text }),
      });
      const body = fc.oneof(
        tree.map((value) => JSON.stringify(value) ?? ''),
        shaped.map((value) => JSON.stringify(value)),
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.constantFrom('', '[', '{"a":', '[['.repeat(50_000), '1e999', '"\\ud800"'),
      );
      const query = fc.oneof(
        fc.constant(''),
        fc.constantFrom(
          '?watch=true',
          '?labelSelector=a%20in%20(',
          '?fieldSelector=%00',
          '?tail=999999999999999',
          '?resourceVersion=-1',
          '?__proto__=1',
          '?watch=true&resourceVersion=99999999',
        ),
        text.map((value) => `?labelSelector=${encodeURIComponent(value.toWellFormed())}`),
        text.map((value) => `?fieldSelector=${encodeURIComponent(value.toWellFormed())}`),
      );
      const type = fc.oneof(
        { arbitrary: fc.constant('application/json'), weight: 8 },
        {
          arbitrary: fc.constantFrom(
            'text/plain',
            'application/json; charset=utf-16',
            'application/yaml',
            'multipart/form-data',
          ),
          weight: 1,
        },
      );
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...names),
          fc.oneof(fc.constantFrom('agents', 'hosts', 'instances'), text),
          fc.oneof(fc.constantFrom('a', 'b'), text),
          query,
          body,
          type,
          async (route, plural, name, asks, sent, contentType) => {
            const { method, path } = ROUTES[route];
            const at = path
              .replace(':plural', encodeURIComponent(plural.toWellFormed()))
              .replace(':name', encodeURIComponent(name.toWellFormed()));
            const { status, text: answer } = await ask(
              method,
              `${at}${asks}`,
              method === 'GET' ? '' : sent,
              contentType,
            );
            expect([route, status, answer.slice(0, 500), status < 500 || status === 503]).toEqual([
              route,
              status,
              answer.slice(0, 500),
              true,
            ]);
            if (status >= 400) {
              const failure = JSON.parse(answer);
              expect(failure).toMatchObject({ kind: 'Status', status: 'Failure', code: status });
              expect(answer).not.toMatch(/\/(?:node_modules|controller|api)\/|\bat [A-Z]\w+ \(/);
            }
          },
        ),
        during(),
      );
      expect(controller.exitCode).toBeNull();
      expect((await fleet.sac(['get', 'agents'])).code).toBe(0);
    },
    TIMEOUT,
  );
});
