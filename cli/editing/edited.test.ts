import { describe, expect, it } from 'vitest';
import { agent } from '../fake-context.ts';
import { changesBetween } from './changes.ts';
import { bodyOf, readEdited, textOf, withNotes } from './edited.ts';

const web = agent('web', { metadata: { labels: { role: 'w' } }, spec: { env: { KEY: 'secret' } } });
const text = textOf(web);

describe('an agent as text', () => {
  it('has its name, labels, annotations, version and spec, and no status', () => {
    expect(text).toMatch(/^apiVersion: sac\/v1\nkind: Agent\nmetadata:\n {2}name: web\n/);
    expect(text).toContain('  resourceVersion: 7\n');
    expect(text).not.toMatch(/status|generation|creationTimestamp/);
  });
  it('comes back from under our notes, with the comments of the user', () => {
    const mine = `# mine\n${text}`;
    expect(bodyOf(withNotes(mine, [{ message: 'wrong', line: 1 }]))).toBe(mine);
    expect(bodyOf(withNotes(mine, []))).toBe(mine);
  });
});

describe('what was typed', () => {
  it('is unchanged when only its form differs', () => {
    expect(readEdited(text, web).kind).toBe('unchanged');
    expect(readEdited(`# thoughts\n${text}`, web).kind).toBe('unchanged');
    expect(readEdited(text.replace('  resourceVersion: 7\n', ''), web).kind).toBe('unchanged');
  });
  it('may be nothing', () => expect(readEdited('\n# only a comment\n', web).kind).toBe('empty'));
  it('carries labels, annotations and spec', () => {
    const edited = readEdited(text.replace('role: w', 'role: x').replace('replicas: 1', 'replicas: 2'), web);
    expect(edited).toMatchObject({ kind: 'changed', labels: { role: 'x' }, spec: { replicas: 2 } });
  });
  it('cannot be another version, name, or several', () => {
    const broken = (body: string) => {
      const edited = readEdited(body, web);
      return edited.kind === 'broken' ? edited.complaints.map(({ message }) => message).join() : edited.kind;
    };
    expect(broken(text.replace('resourceVersion: 7', 'resourceVersion: 8'))).toContain('put it back');
    expect(broken(text.replace('name: web', 'name: other'))).toContain('cannot be renamed');
    const second = text.replace('name: web', 'name: two').replace('  resourceVersion: 7\n', '');
    expect(broken(`${text}---\n${second}`)).toContain('one thing');
    expect(readEdited('a: [', web).kind).toBe('broken');
  });
  it('is told where it is wrong, in lines of the file that is opened again', () => {
    const body = text.replace('policy: on-failure', 'policy: sometimes');
    const edited = readEdited(body, web);
    if (edited.kind !== 'broken') throw new Error(edited.kind);
    const file = withNotes(body, edited.complaints);
    const line = Number(/line (\d+):\d+ spec\.restart\.policy: "sometimes"/.exec(file)?.[1]);
    expect(file.split('\n')[line - 1]).toContain('policy: sometimes');
  });
});

describe('changes meanwhile', () => {
  it('are told field by field, without values of env', () => {
    const now = agent('web', { metadata: { labels: { role: 'x' } }, spec: { env: { KEY: 'other' }, replicas: 3 } });
    expect(changesBetween(web, now)).toEqual([
      'metadata.labels.role: "w" -> "x"',
      'spec.replicas: 1 -> 3',
      'spec.env.KEY (not shown)',
    ]);
  });
});
