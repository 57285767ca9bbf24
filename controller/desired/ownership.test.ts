import { describe, expect, it } from 'vitest';
import { agentSpecSchema } from '../../api/resources/agent/agent.ts';
import type { Source } from '../../api/resources/meta.ts';
import type { AgentRecord } from '../store/store.ts';
import { Drafts, draftOf } from './agents/agent-drafts.ts';
import { fieldsOfSource } from './ownership.ts';

const GIT: Source = { kind: 'git', name: 'fleet', path: 'agents' };
const FILE: Source = { kind: 'directory', name: '/agents' };
const declared = { command: ['a'], env: { A: '1' } };
const record = (source: Source, said: Readonly<Record<string, unknown>> = declared): AgentRecord => ({
  ...{ name: 'web', labels: { team: 'x', mine: '1' }, annotations: {}, generation: 1, createdAt: 0, source },
  lastApplied: { labels: { team: 'x' }, spec: said },
  spec: agentSpecSchema.parse(said),
});
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
const changed = (source: Source, change: object, said = declared) => {
  const before = record(source, said);
  return fieldsOfSource(before, { ...draftOf(before), spec: agentSpecSchema.parse({ ...said, ...change }) }, same);
};

describe('what another hand may not change', () => {
  it('is the whole spec of what a commit declares, but how many run and whether', () => {
    expect(changed(GIT, { model: 'big' })).toEqual(['spec.model']);
    expect(changed(GIT, { env: { A: '1', B: '2' } })).toEqual(['spec.env.B']);
    expect(changed(GIT, { env: {} })).toEqual(['spec.env.A']);
    expect(changed(GIT, { replicas: 3, suspend: true })).toEqual([]);
    expect(changed(GIT, { replicas: 3 }, { ...declared, replicas: 1 } as typeof declared)).toEqual(['spec.replicas']);
  });

  it('is what a file names, of what a file declares', () => {
    expect(changed(FILE, { model: 'big', replicas: 3 })).toEqual([]);
    expect(changed(FILE, { command: ['b'] })).toEqual(['spec.command']);
  });

  it('is labels that were declared, and no others', () => {
    const before = record(GIT);
    const with_ = (labels: Readonly<Record<string, string>>) =>
      fieldsOfSource(before, { ...draftOf(before), labels }, same);
    expect(with_({ team: 'y', mine: '2' })).toEqual(['metadata.labels["team"]']);
    expect(with_({ team: 'x', more: '1' })).toEqual([]);
  });
});

it('a commit takes back what was set beside it, and leaves scaling and stopping alone until it speaks of them', () => {
  const drafts = new Drafts();
  const checked = agentSpecSchema.parse(declared);
  const before = record(GIT);
  const live: AgentRecord = { ...before, spec: { ...before.spec, model: 'big', replicas: 3, suspend: true } };
  const back = drafts.whole(live, { labels: { team: 'x' }, spec: declared }, checked);
  expect(back.spec).toEqual({ ...checked, replicas: 3, suspend: true });
  expect(back.labels).toEqual({ team: 'x', mine: '1' });
  const spoke: AgentRecord = { ...live, lastApplied: { spec: { ...declared, suspend: true, replicas: 3 } } };
  expect(drafts.whole(spoke, { spec: declared }, checked).spec).toEqual(checked);
  expect(drafts.whole(before, { labels: { team: 'x' }, spec: declared }, checked).spec).toBe(before.spec);
});
