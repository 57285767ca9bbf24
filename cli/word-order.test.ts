import { describe, expect, it } from 'vitest';
import { VERBS } from './verbs/index.ts';
import { verbFirst, withGlobalsFirst } from './word-order.ts';

const order = (line: string) => verbFirst(withGlobalsFirst(line.split(' ')), VERBS).join(' ');

describe('a noun before the verb', () => {
  it.each([
    ['agent start web', 'start web'],
    ['agents list', 'list'],
    ['agents ps -o wide', 'ps -o wide'],
    ['agent get web', 'get agent web'],
    ['agents describe web', 'describe agents web'],
    ['hosts list', 'get hosts'],
    ['events list -w', 'get events -w'],
    ['instances get -o json', 'get instances -o json'],
    ['host start x', 'start host x'],
    ['--context lab agent stop web', '--context lab stop web'],
    ['agent stop web --context lab', '--context lab stop web'],
  ])('%s is %s', (line, expected) => expect(order(line)).toBe(expected));

  it.each(['get agent start', 'start web', 'stop agent/list', 'events --for agent/web', 'agent', 'agent nonsense x'])(
    '%s stays',
    (line) => expect(order(line)).toBe(line),
  );
});

describe('global flags', () => {
  it.each([
    ['get agents --server http://x:1 -o json', '--server http://x:1 get agents -o json'],
    ['exec web -- tool --context mine', 'exec web -- tool --context mine'],
    ['exec web tool --context mine', 'exec web tool --context mine'],
    ['config set-context lab --server http://x:1', 'config set-context lab --server http://x:1'],
    ['__complete -- get --context', '__complete -- get --context'],
  ])('%s', (line, expected) => expect(order(line)).toBe(expected));
});
