import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Client, ReplaceBody } from '../../../api/client.ts';
import { ConflictError, EXIT, InvalidError, SacError } from '../../../api/resources/errors.ts';
import { agent, fakeContext, reading } from '../../fake-context.ts';
import { run } from './edit.ts';

const web = agent('web', { metadata: { labels: { role: 'w' } } });
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sac-edit-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The n-th time it is opened the editor runs the n-th script (sh, the file is $1), later ones the last. */
function edit(scripts: readonly string[], client: Partial<Client> = {}, what = 'agent/web') {
  const paths = scripts.map((script, at) => {
    const path = join(folder, `editor-${at + 1}.sh`);
    writeFileSync(path, script);
    return path;
  });
  const main = join(folder, 'editor.sh');
  const count = join(folder, 'count');
  writeFileSync(
    main,
    `n=$(( $(cat '${count}' 2>/dev/null || echo 0) + 1 )); echo $n > '${count}'
[ $n -gt ${paths.length} ] && n=${paths.length}
cp "$1" '${folder}'/seen-$n; echo "$1" > '${folder}'/path
. '${folder}'/editor-$n.sh`,
  );
  const sent: ReplaceBody[] = [];
  const replace: Client['replace'] = async (_name, body) => {
    sent.push(body);
    return web;
  };
  const context = fakeContext({
    client: { ...reading(web), replace, ...client },
    env: { ...process.env, SAC_EDITOR: `sh ${main}`, EDITOR: 'false' },
  });
  const outcome = run([what], {}, context).catch((error: unknown) => error);
  const file = () => readFileSync(join(folder, 'path'), 'utf8').trim();
  const seen = (n: number) => readFileSync(join(folder, `seen-${n}`), 'utf8');
  return { outcome, context, sent, file, seen };
}
const discard = (file: string) => rmSync(dirname(file), { recursive: true });

describe('sac edit', () => {
  it('sends what was changed, with the version it was read at', async () => {
    const { outcome, sent, context, file } = edit(['sed -i s/on-failure/always/ "$1"']);
    expect(await outcome).toBe(EXIT.done);
    expect(sent).toMatchObject([
      { metadata: { name: 'web', labels: { role: 'w' }, resourceVersion: 7 }, spec: { restart: { policy: 'always' } } },
    ]);
    expect(context.out.text).toBe('agent/web edited\n');
    expect(existsSync(file())).toBe(false);
  });

  it.each([':', ': > "$1"', 'echo "# a thought" >> "$1"', 'rm "$1"'])('changes nothing for `%s`', async (script) => {
    const { outcome, sent, context, file } = edit([script]);
    expect(await outcome).toBe(EXIT.done);
    expect(sent).toEqual([]);
    expect(context.out.text).toBe('Edit cancelled, no changes made.\n');
    expect(existsSync(dirname(file()))).toBe(false);
  });

  it('opens again with the problems on top, and the text as it was typed', async () => {
    const { outcome, sent, seen } = edit([
      'sed -i "s/on-failure/sometimes/; \\$a # my note" "$1"',
      'sed -i s/sometimes/never/ "$1"',
    ]);
    expect(await outcome).toBe(EXIT.done);
    expect(seen(2)).toMatch(/^#: - line \d+:\d+ spec\.restart\.policy: "sometimes" is not one of/m);
    expect(seen(2)).toContain('# my note');
    expect(sent).toMatchObject([{ spec: { restart: { policy: 'never' } } }]);
  });

  it('gives up when the problems are left as they are, and keeps the text', async () => {
    const { outcome, sent, context, file } = edit(['sed -i s/on-failure/sometimes/ "$1"', ':']);
    expect(await outcome).toMatchObject({ exitCode: EXIT.usage });
    expect(sent).toEqual([]);
    expect(context.err.text).toContain(`what you typed is in ${file()}`);
    expect(readFileSync(file(), 'utf8')).toContain('policy: sometimes');
    discard(file());
  });

  it('puts the text back when it was emptied to give up', async () => {
    const { outcome, file } = edit(['sed -i s/on-failure/sometimes/ "$1"', ': > "$1"']);
    expect(await outcome).toBeInstanceOf(InvalidError);
    expect(readFileSync(file(), 'utf8')).toContain('policy: sometimes');
    discard(file());
  });

  it('asks again for what the server finds wrong', async () => {
    let refused = false;
    const { outcome, seen } = edit(['sed -i s/on-failure/always/ "$1"', 'sed -i s/always/never/ "$1"'], {
      replace: async () => {
        if (refused) return web;
        refused = true;
        throw new InvalidError(['spec: not that']);
      },
    });
    expect(await outcome).toBe(EXIT.done);
    expect(seen(2)).toContain('#: - spec: not that');
  });

  it('says what somebody else changed meanwhile', async () => {
    let looks = 0;
    const now = agent('web', { metadata: { resourceVersion: 9, labels: { role: 'other' } } });
    const { outcome, context, file } = edit(['sed -i s/on-failure/always/ "$1"'], {
      get: async () => (looks++ === 0 ? web : now) as never,
      replace: async () => {
        throw new ConflictError('changed meanwhile');
      },
    });
    const error = await outcome;
    expect(error).toBeInstanceOf(ConflictError);
    expect(String(error)).toContain('metadata.labels.role: "w" -> "other"');
    expect(context.err.text).toContain(file());
    discard(file());
  });

  it('passes a conflict about ownership on as it is', async () => {
    const { outcome, file } = edit(['sed -i s/on-failure/always/ "$1"'], {
      replace: async () => {
        throw new ConflictError('declared by directory x');
      },
    });
    expect(await outcome).toMatchObject({ message: 'declared by directory x', exitCode: EXIT.conflict });
    discard(file());
  });

  describe('other kinds', () => {
    const fleet = {
      apiVersion: 'sac/v1',
      kind: 'GitSource',
      metadata: { name: 'fleet', labels: { a: 'b' }, annotations: {}, generation: 1, resourceVersion: 4 },
      spec: { url: 'https://example.org/fleet.git', ref: { branch: 'main' }, interval: '1m' },
      status: {},
    };
    const asked: unknown[] = [];
    const source = (patchObject: Client['patchObject'], shown: () => object = () => fleet): Partial<Client> => ({
      get: async (...args) => {
        asked.push(args);
        return shown() as never;
      },
      patchObject,
    });
    it('are edited as they are, and what differs is sent as a patch', async () => {
      const sent: unknown[] = [];
      const client = source(async (...args) => {
        sent.push(args);
        return fleet as never;
      });
      const { outcome, context, seen } = edit(
        ['sed -i "s/interval: 1m/interval: 5m/; s/a: b/c: d/; s/branch: main/tag: v1/" "$1"'],
        client,
        'source/fleet',
      );
      expect(await outcome).toBe(EXIT.done);
      expect(seen(1)).toContain('kind: GitSource\nmetadata:\n  name: fleet\n');
      expect(context.out.text).toBe('gitsource/fleet edited\n');
      // With its secrets, or they would be lost.
      expect(asked[0]).toEqual(['gitsources', 'fleet', { raw: true }]);
      expect(sent).toMatchObject([
        [
          'gitsources',
          'fleet',
          {
            metadata: { labels: { a: null, c: 'd' }, annotations: {}, resourceVersion: 4 },
            spec: { interval: '5m', ref: { branch: null, tag: 'v1' } },
          },
        ],
      ]);
    });
    it('are written although their status was in between', async () => {
      let version = 4;
      const versions: unknown[] = [];
      const client = source(
        async (_plural, _name, { metadata }) => {
          versions.push(metadata?.resourceVersion);
          if (version === 4) {
            version = 9;
            throw new ConflictError('changed meanwhile');
          }
          return fleet as never;
        },
        () => ({ ...fleet, metadata: { ...fleet.metadata, resourceVersion: version } }),
      );
      const { outcome } = edit(['sed -i "s/interval: 1m/interval: 5m/" "$1"'], client, 'source/fleet');
      expect(await outcome).toBe(EXIT.done);
      expect(versions).toEqual([4, 9]);
    });
    it('cannot become another kind, and what is not declared cannot be edited', async () => {
      const { outcome, seen, file } = edit(
        ['sed -i "s/kind: GitSource/kind: Budget/" "$1"', ':'],
        source(async () => fleet as never),
        'source/fleet',
      );
      expect(await outcome).toBeInstanceOf(InvalidError);
      expect(seen(2)).toMatch(/^#: - /m);
      discard(file());
      await expect(run(['instance/web-1'], {}, fakeContext({ client: {} }))).rejects.toThrow(
        'instances are not declared',
      );
      await expect(run(['a', 'b'], {}, fakeContext({ client: {} }))).rejects.toThrow('name one');
      await expect(run(['host/local'], {}, fakeContext({ client: {} }))).rejects.toThrow('is built in');
    });
  });

  it('keeps what a failing editor saved, and nothing when it saved nothing', async () => {
    const saved = edit(['sed -i s/on-failure/always/ "$1"; exit 3']);
    expect(await saved.outcome).toBeInstanceOf(SacError);
    expect(readFileSync(saved.file(), 'utf8')).toContain('policy: always');
    discard(saved.file());
    rmSync(join(folder, 'count'));
    const nothing = edit(['exit 3']);
    expect(await nothing.outcome).toMatchObject({ exitCode: EXIT.failed });
    expect(existsSync(nothing.file())).toBe(false);
  });

  it('says so when there is no such editor', async () => {
    const context = fakeContext({ client: reading(web), env: { PATH: '/usr/bin:/bin', EDITOR: '/nonexistent/ed -x' } });
    await expect(run(['web'], {}, context)).rejects.toThrow(/"\/nonexistent\/ed" is not installed.*set EDITOR/);
  });
});
