/**
 * Owns: for every verb, the situations whose exit codes scripts rely on. The first is the usual one; it is also tried by
 * somebody who may only look, and without a controller.
 * Never: says what the code is: `golden/exit-codes.txt` does.
 */
export interface Situation {
  readonly when: string;
  /** Behind `sac VERB`. */
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const when = (what: string, ...args: readonly string[]): Situation => ({ when: what, args });
const manifest = (name: string, command: readonly string[], spec: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    apiVersion: 'sac/v1',
    kind: 'Agent',
    metadata: { name },
    spec: { profile: 'exec', command, place: { runtime: 'process' }, startup: { minReadySeconds: 0 }, ...spec },
  });
const applied = (what: string, stdin: string, ...args: readonly string[]): Situation => ({
  when: what,
  args: ['-f', '-', ...args],
  stdin,
});
export const FIRST = manifest('first', ['sleep', '1000']);
export const SLOW = manifest('slow', ['sleep', '1000'], { startup: { minReadySeconds: 3000 } });
export const OVER = manifest('over', ['false'], { restart: { policy: 'never' } });
const BROKEN = FIRST.replace('"sac/v1"', '"sac/v99"');
const nobody = (...args: readonly string[]) => when('an agent that is not there', 'nobody', ...args);

/**
 * The fleet: web and first run, filed is declared by a file (and runs), over has failed for good, slow is never ready, fleet is a git
 * source that can be fetched. `{dir}` is a directory of the test's with good.yaml, broken.yaml and screen.txt.
 */
export const SITUATIONS: Readonly<Record<string, readonly Situation[]>> = {
  apply: [
    applied('a new agent', manifest('new', ['sleep', '1000'])),
    applied('nothing changed', FIRST),
    applied('on the server, only tried', manifest('tried', ['true']), '--dry-run=server'),
    applied('on the client, only tried', manifest('tried', ['true']), '--dry-run=client'),
    applied('a broken manifest', BROKEN),
    applied('prunes without saying what', FIRST, '--prune'),
    applied('prunes by label, only tried', FIRST, '--prune', '-l', 'team=nobody', '--dry-run=server'),
    applied('one broken manifest of two', `${FIRST}\n---\n${BROKEN}`),
    when('no manifest named'),
    when('a file that is not there', '-f', '{dir}/missing.yaml'),
    applied('declared by another source', manifest('filed', ['sleep', '7'])),
    applied('waits in vain', SLOW, '--wait', '--timeout', '100ms'),
    applied('waits for what can not come', OVER, '--wait'),
    applied('a broken timeout', FIRST, '--wait', '--timeout', 'soon'),
  ],
  diff: [
    applied('the same', FIRST),
    applied('differs', manifest('first', ['sleep', '2000'])),
    applied('a broken manifest', BROKEN),
    when('no manifest named'),
    when('a file that is not there', '-f', '{dir}/missing.yaml'),
    when('a git source', 'source/fleet'),
    when('a git source that is not there', 'source/nobody'),
  ],
  get: [
    when('a list', 'agents'),
    when('one', 'agent', 'web'),
    when('nothing matches', 'agents', '-l', 'role=none'),
    when('an agent that is not there', 'agent', 'nobody'),
    when('one of two is not there', 'agents', 'web', 'nobody'),
    when('a type that does not exist', 'pods'),
    when('no type'),
    when('a format that does not exist', 'agents', '-o', 'xml'),
    when('a broken selector', 'agents', '-l', 'a b'),
    when('a broken field selector', 'agents', '--field-selector', 'status.phase'),
  ],
  describe: [
    when('one', 'agent', 'web'),
    when('an agent that is not there', 'agent', 'nobody'),
    when('a type that does not exist', 'pod', 'web'),
  ],
  wait: [
    when('is so already', 'web', '--for=condition=Ready'),
    nobody('--for=condition=Ready'),
    when('deleted, and is not there', 'nobody', '--for=delete'),
    when('in vain', 'slow', '--for=condition=Ready', '--timeout=100ms'),
    when('is not so now', 'slow', '--for=condition=Ready', '--timeout=0'),
    when('can not come', 'over', '--for=condition=Ready', '--timeout=1h'),
    when('a condition that does not exist', 'web', '--for=condition=Reddy'),
    when('for nothing', 'web'),
    when('for nobody', '--for=delete'),
  ],
  events: [
    when('of one', '--for', 'agent/web'),
    when('all'),
    when('of a type that does not exist', '--for', 'pod/web'),
  ],
  edit: [
    { when: 'nothing changed', args: ['web'], env: { EDITOR: 'true' } },
    { when: 'the editor failed', args: ['web'], env: { EDITOR: 'false' } },
    { when: 'an agent that is not there', args: ['nobody'], env: { EDITOR: 'true' } },
    { when: 'made invalid', args: ['web'], env: { EDITOR: 'sed -i s/exec/exek/' } },
    { when: 'a field of a file', args: ['filed'], env: { EDITOR: 'sed -i s/1000/2000/' } },
  ],
  label: [
    when('a new one', 'web', 'team=a'),
    when('only tried', 'web', 'tried=a', '--dry-run=server'),
    when('the same again', 'web', 'team=a'),
    when('another value', 'web', 'team=b'),
    when('another value, overwriting', 'web', 'team=b', '--overwrite'),
    when('removed', 'web', 'team-'),
    nobody('team=a'),
    when('not a label', 'web', 'a b=c'),
    when('no change', 'web'),
  ],
  annotate: [
    when('a new one', 'web', 'owner=a'),
    when('only tried', 'web', 'tried=a', '--dry-run=client'),
    when('another value', 'web', 'owner=b'),
    when('removed', 'web', 'owner-'),
    nobody('owner=a'),
    when('no change', 'web'),
  ],
  logs: [
    when('of one', 'web', '--tail', '1'),
    nobody(),
    when('of nobody'),
    when('a broken number', 'web', '--tail', 'x'),
  ],
  attach: [when('no terminal', 'web'), nobody()],
  exec: [
    when('a command', 'web', '--', 'true'),
    when('a command that fails with 9', 'web', '--', 'sh', '-c', 'exit 9'),
    when('a command that is not there', 'web', '--', 'no-such-command'),
    when('no command', 'web'),
    nobody('--', 'true'),
  ],
  scale: [
    when('more', 'first', '--replicas=2', '--wait'),
    when('only tried', 'first', '--replicas=3', '--dry-run=server'),
    when('only tried, declared by a file', 'filed', '--replicas=2', '--dry-run=server'),
    when('the same', 'first', '--replicas=2'),
    when('back', 'first', '--replicas=1'),
    nobody('--replicas=1'),
    when('declared by a file', 'filed', '--replicas=2'),
    when('no number', 'web'),
    when('a negative number', 'web', '--replicas=-1'),
    when('too many', 'web', '--replicas=1000000'),
  ],
  stop: [
    when('one', 'first', '--wait'),
    when('at rest already', 'first'),
    nobody(),
    when('declared by a file', 'filed'),
    when('nobody named'),
  ],
  start: [when('one', 'first', '--wait'), when('runs already', 'first'), nobody(), when('nobody named')],
  restart: [
    when('one', 'first', '--wait'),
    nobody(),
    when('in vain', 'slow', '--wait', '--timeout', '100ms'),
    when('a session that does not exist', 'first', '--session', 'old'),
    when('nobody named'),
  ],
  list: [when('all'), nobody(), when('a format that does not exist', '-o', 'xml')],
  status: [when('all'), when('one', 'web'), nobody()],
  inspect: [
    when('one', 'web'),
    nobody(),
    when('a saved screen', '--screen', '{dir}/screen.txt', '--profile', 'codex'),
    when('a profile that does not exist', '--screen', '{dir}/screen.txt', '--profile', 'none'),
    when('a file that is not there', '--screen', '{dir}/none.txt'),
  ],
  answer: [when('has no screen', 'web', '--keys', '1'), nobody('--keys', '1'), when('no keys', 'web')],
  check: [
    when('a good manifest', '{dir}/good.yaml'),
    when('a broken manifest', '{dir}/broken.yaml'),
    when('a manifest that is not there', '{dir}/missing.yaml'),
    when('a ready agent', 'web'),
    when('an agent that is not ready', 'over'),
    nobody(),
  ],
  cleanup: [when('only told'), when('only tried', '--terminal', '--dry-run')],
  'hook-event': [
    { when: 'an event', args: ['pretool', '--agent', 'web'], stdin: '{}' },
    { when: 'of nobody', args: ['pretool'], stdin: '{}' },
    { when: 'broken', args: ['pretool', '--agent', '../x'], stdin: '{' },
  ],
  explain: [
    when('a field', 'agent.spec.restart'),
    when('a field that does not exist', 'agent.spec.restrat'),
    when('a kind that does not exist', 'pod.spec'),
    when('a kind that is not written', 'instance.spec'),
    when('nothing'),
  ],
  validate: [
    when('a good manifest', '-f', '{dir}/good.yaml'),
    when('a broken manifest', '-f', '{dir}/broken.yaml'),
    when('a file that is not there', '-f', '{dir}/missing.yaml'),
    when('nothing'),
  ],
  convert: [
    when('a good manifest', '-f', '{dir}/good.yaml'),
    when('a broken manifest', '-f', '{dir}/broken.yaml'),
    when('to a version that does not exist', '-f', '{dir}/good.yaml', '--to', 'sac/v7'),
    when('nothing'),
  ],
  schema: [when('of agents'), when('of hosts', 'host'), when('of a kind that does not exist', 'pod')],
  sync: [
    when('one', 'fleet', '--wait'),
    when('one that is not there', 'nobody'),
    when('of another type', 'agent/web'),
    when('nobody named'),
  ],
  rollback: [
    when('to a commit', 'fleet', '--to', '{commit}'),
    when('to a commit that is not there', 'fleet', '--to', '0123456789abcdef0123456789abcdef01234567'),
    when('one that is not there', 'nobody', '--to', '{commit}'),
    when('to nothing', 'fleet'),
  ],
  suspend: [when('one', 'fleet'), when('one that is not there', 'nobody'), when('nobody named')],
  resume: [when('one', 'fleet'), when('one that is not there', 'nobody')],
  'host check': [when('this machine', 'local'), when('one that is not there', 'nowhere')],
  host: [when('nothing')],
  render: [when('a running one', 'web'), nobody(), when('nobody named')],
  tree: [
    when('of all'),
    when('of one', 'web'),
    when('of a git source', 'source/fleet'),
    nobody(),
    when('a git source that is not there', 'source/nobody'),
    when('what has no tree', 'host/local'),
    when('a format that does not exist', '-o', 'xml'),
  ],
  top: [
    when('of all'),
    when('of one', 'web', '--once'),
    when('of hosts', 'hosts'),
    nobody(),
    when('of what uses nothing', 'events'),
    when('a figure that does not exist', '--sort-by', 'size'),
    when('a format that does not exist', '-o', 'xml'),
  ],
  rollout: [when('no verb of its own named')],
  'rollout status': [when('one that is done', 'web', '--no-watch'), nobody('--no-watch')],
  'rollout history': [when('one', 'web'), nobody(), when('nobody named')],
  'rollout undo': [when('one with one revision', 'web'), nobody()],
  'rollout pause': [when('one', 'web'), nobody()],
  'rollout resume': [when('one', 'web'), nobody()],
  'rollout restart': [when('one', 'web'), nobody()],
  cordon: [when('one', 'local'), when('one that is not there', 'nowhere'), when('nobody named')],
  uncordon: [when('one', 'local'), when('one that is not there', 'nowhere')],
  drain: [when('one that is not there', 'nowhere'), when('nobody named')],
  delete: [
    when('one that is not there', 'agent', 'nobody'),
    when('only tried', 'agent', 'web', '--dry-run=server'),
    when('only tried, one that is not there', 'agent', 'nobody', '--dry-run=client'),
    when('only tried, in no known way', 'agent', 'web', '--dry-run=sever'),
    when('one that is not there, and need not be', 'agent', 'nobody', '--ignore-not-found'),
    when('nobody named'),
    when('in vain', 'agent', 'first', '--timeout', '1ms'),
    when('one', 'agent', 'web', 'over', '--force'),
    when('of a manifest', '-f', '{dir}/good.yaml', '--ignore-not-found'),
    when('of a broken manifest', '-f', '{dir}/broken.yaml'),
  ],
  'api-resources': [when('asked')],
  version: [when('asked'), when('a format that does not exist', '-o', 'xml')],
  completion: [when('bash', 'bash'), when('a shell that does not exist', 'csh')],
  __complete: [when('a verb', '--', 'ge')],
  controller: [when('nothing')],
  'controller run': [when('another one holds the home'), when('no host', '--listen', 'x')],
  'controller start': [when('it runs already')],
  'controller status': [when('asked'), when('a format that does not exist', '-o', 'xml')],
  token: [when('nothing')],
  'token list': [when('asked')],
  'token create': [
    when('for a viewer', '--role', 'viewer'),
    when('a role that does not exist', '--role', 'king'),
    when('no role'),
  ],
  'token delete': [when('one that is not there', '00000000'), when('nothing')],
  config: [when('nothing')],
  'config get-contexts': [when('asked')],
  'config current-context': [when('asked')],
  'config set-context': [
    when('a new one', 'lab', '--socket', '/nonexistent/sac.sock'),
    when('not a URL', 'bad', '--server', 'lab'),
    when('nowhere', 'none'),
  ],
  'config use-context': [when('a known one', 'local'), when('one that is not there', 'nowhere')],
  'config delete-context': [when('one', 'lab'), when('one that is not there', 'nowhere')],
  'config view': [when('asked')],
  'controller stop': [when('it runs'), when('none runs')],
};
