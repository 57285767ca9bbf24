/**
 * Owns: deploying an agent's files at its place, and what came of it: one look, then only what differs is written.
 * Level-triggered: what was deployed is remembered beside it, so the same sync again, or by another controller, changes nothing.
 * Never: overwrites what somebody else wrote without keeping it.
 */
import { type Transport, TransportError } from '../../adapters/transport/transport.ts';
import type { EventDraft } from '../../api/resources/event.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { FilesReading } from '../machine/snapshot.ts';
import type { DesiredInstance } from '../plan/desired-instance.ts';
import { shown, type WorkspacePlan } from '../plan/workspace/workspace-plan.ts';
import { lookAt, MEMORY, nameOf, type PlaceLook, RefusedFiles, renderMemory } from './place-look.ts';
import { ASIDE } from './scripts.ts';
import { planSync, type SyncPlan } from './sync-plan.ts';
import { setAsideUntrusted } from './untrusted.ts';
import { leaveWorktree, makeWorktree } from './worktree.ts';

export interface WorkspaceSyncerOptions {
  readonly now: () => Instant;
  /** Tells people of what was done. */
  readonly tell: (instance: DesiredInstance, events: readonly EventDraft[]) => void;
}

type Told = Pick<FilesReading, 'ok' | 'reason' | 'message' | 'mendedAt'>;

export class WorkspaceSyncer {
  readonly #options: WorkspaceSyncerOptions;
  /** One an instance that files are deployed for. */
  readonly #readings = new Map<InstanceId, FilesReading>();

  constructor(options: WorkspaceSyncerOptions) {
    this.#options = options;
  }

  reading(id: InstanceId): FilesReading | undefined {
    return this.#readings.get(id);
  }

  /** Everything is looked at again; what is not wanted any more is forgotten. */
  doubtAll(wanted: (id: InstanceId) => boolean): void {
    for (const [id, reading] of this.#readings)
      if (wanted(id)) this.#readings.set(id, { ...reading, stale: true });
      else this.#readings.delete(id);
  }

  /**
   * Throws TransportError when the place could not be asked or written to; RefusedFiles when it cannot take a file, and the
   * agent `starts`: it would begin without something it is meant to have. Otherwise that is told by the reading.
   */
  async sync(instance: DesiredInstance, transport: Transport, starts: boolean): Promise<void> {
    const { id, workspace } = instance;
    if (!workspace) return;
    const { mendedAt } = this.#readings.get(id) ?? {};
    const note = (told: Told, stale = false) =>
      this.#readings.set(id, { key: workspace.key, stale, ...(mendedAt !== undefined && { mendedAt }), ...told });
    if (workspace.problem !== undefined) throw new RefusedFiles(workspace.problem);
    try {
      if (starts && workspace.untrusted) await this.#distrust(instance, workspace.cwd, transport);
      const told = await this.#deploy(instance, workspace, transport);
      note(told);
      if (starts && told.reason === 'Refused') throw new RefusedFiles(told.message);
    } catch (error) {
      if (error instanceof TransportError) note({ ok: false, reason: 'Failed', message: `${error.message}.` }, true);
      if (!(error instanceof RefusedFiles)) throw error;
      note({ ok: false, reason: 'Refused', message: error.message });
      if (starts) throw error;
    }
  }

  async #deploy(instance: DesiredInstance, plan: WorkspacePlan, transport: Transport): Promise<Told> {
    if (plan.git) await this.#worktree(instance, plan, plan.git, transport);
    const look = await this.#look(plan, transport);
    const steps = planSync(plan, look);
    const { kept, full } = await putAside(plan, look, steps, transport);
    const put = steps.put.filter((file) => !full.includes(shown(file)));
    const remember = new Map([...steps.remember].filter(([name]) => !full.includes(name)));
    const files = put.map(({ root, path, mode, text, base64 }) => ({
      path: `${root === 'home' ? look.home : plan.cwd}/${path}`,
      mode,
      content: text ?? Buffer.from(base64 ?? '', 'base64'),
    }));
    const memory = renderMemory(remember);
    if (memory !== renderMemory(look.remembered))
      files.push(
        { path: `${plan.cwd}/${MEMORY}`, mode: 0o600, content: memory },
        { path: `${plan.cwd}/.sac/.gitignore`, mode: 0o600, content: '*\n' },
      );
    if (files.length > 0) await transport.putFiles(files);
    const fresh = this.#readings.get(instance.id)?.key !== plan.key;
    this.#options.tell(instance, eventsOf(plan, look, steps, put.map(shown), kept, fresh));
    const told = outcome(plan, look, steps, full);
    return steps.mended.length > 0 ? { ...told, mendedAt: this.#options.now() } : told;
  }

  /**
   * Lets go of the worktree of an instance that is deleted; work in it is rescued to a ref, and it stays.
   * Throws TransportError; what git there refuses is told, and everything stays.
   */
  async leave(instance: DesiredInstance, transport: Transport): Promise<void> {
    const { workspace: plan } = instance;
    this.#readings.delete(instance.id);
    if (!plan?.git) return;
    try {
      const left = await leaveWorktree(plan, plan.git, this.#options.now(), transport);
      if (left.rescued !== undefined)
        this.#tell(
          instance,
          'Warning',
          'WorkRescued',
          `${plan.cwd} holds work that is not merged; it is kept, and rescued to ${left.rescued}.`,
        );
      else if (left.removed)
        this.#tell(
          instance,
          'Normal',
          'WorktreeRemoved',
          `${plan.cwd} held nothing that is not merged, and is removed.`,
        );
    } catch (error) {
      if (!(error instanceof RefusedFiles)) throw error;
      this.#tell(instance, 'Warning', 'WorktreeKept', `${plan.cwd} is kept: ${error.message}`);
    }
  }

  async #worktree(
    instance: DesiredInstance,
    plan: WorkspacePlan,
    git: NonNullable<WorkspacePlan['git']>,
    transport: Transport,
  ): Promise<void> {
    const { made, branch } = await makeWorktree(plan, git, transport);
    if (made) this.#tell(instance, 'Normal', 'WorktreeMade', `${plan.cwd} is a worktree of ${git.repo}, on ${branch}.`);
  }

  async #distrust(instance: DesiredInstance, cwd: string, transport: Transport): Promise<void> {
    const names = await setAsideUntrusted(cwd, instance.id, transport);
    if (names.length === 0) return;
    const message = `What was there is set aside, for the workspace is not trusted: ${listed(names)}.`;
    this.#tell(instance, 'Warning', 'UntrustedSetAside', message);
  }

  #tell(instance: DesiredInstance, type: EventDraft['type'], reason: string, message: string): void {
    this.#options.tell(instance, [{ type, reason, message }]);
  }

  /** A second time only when something was deployed that is not declared any more. */
  async #look(plan: WorkspacePlan, transport: Transport): Promise<PlaceLook> {
    const look = await lookAt(plan, plan.files, transport);
    const declared = new Set(plan.files.map(shown));
    const stale = [...look.remembered.keys()].filter((name) => !declared.has(name)).map(nameOf);
    return stale.length === 0 ? look : lookAt(plan, [...plan.files, ...stale], transport);
  }
}

interface Aside {
  /** What was kept, and as what. */
  readonly kept: readonly (readonly [string, string])[];
  /** Changed so often that no more is kept: left as they are. */
  readonly full: readonly string[];
}

async function putAside(
  { cwd, git }: WorkspacePlan,
  { home }: PlaceLook,
  { keep, remove }: SyncPlan,
  transport: Transport,
): Promise<Aside> {
  const steps = [...keep.map((name) => ['keep', name] as const), ...remove.map((name) => ['remove', name] as const)];
  if (steps.length === 0) return { kept: [], full: [] };
  const lines = steps.map(([verb, name]) => {
    const { root, path } = nameOf(name);
    return `${verb} ${root} ${path}\n`;
  });
  const { code, stdout, stderr } = await transport.run(['sh', '-c', ASIDE, 'sac-aside', cwd, home, git ? 'git' : ''], {
    stdin: lines.join(''),
  });
  if (code !== 0) throw new RefusedFiles(stderr.trim().slice(-300) || `putting files aside ended with code ${code}`);
  const answers = stdout.split('\n');
  const kept = keep.flatMap((name, i): (readonly [string, string])[] => {
    const answer = answers[i] ?? '';
    return answer.startsWith('kept ') ? [[name, answer.slice(5)]] : [];
  });
  return { kept, full: keep.filter((_, i) => answers[i] === 'full') };
}

function outcome(
  { files, leftOut }: WorkspacePlan,
  { missing }: PlaceLook,
  steps: SyncPlan,
  full: readonly string[],
): Told {
  const [first] = steps.blocked;
  if (first) return { ok: false, reason: 'Refused', message: `${first[0]} ${first[1]}${more(steps.blocked.length)}.` };
  const notes = [
    ...(leftOut.length > 0 ? [`left out, for the workspace is not trusted: ${leftOut.join(', ')}`] : []),
    ...(missing.length > 0 ? [`skills that are not there: ${missing.join(', ')}`] : []),
  ];
  const differing = [...steps.drifted, ...full];
  if (differing.length > 0)
    return {
      ok: false,
      reason: 'Drifted',
      message: `Changed at the place: ${[differing.join(', '), ...notes].join('; ')}.`,
    };
  if (files.length === 0 && notes.length === 0) return { ok: true, reason: 'Synced', message: 'No file is declared.' };
  const count = files.length === 1 ? '1 file is' : `${files.length} files are`;
  return { ok: true, reason: 'Synced', message: `${[`${count} as declared`, ...notes].join('; ')}.` };
}

const more = (count: number): string => (count > 1 ? ` (and ${count - 1} more)` : '');

function eventsOf(
  { leftOut }: WorkspacePlan,
  { missing }: PlaceLook,
  { mended, remove, leave }: SyncPlan,
  put: readonly string[],
  kept: Aside['kept'],
  fresh: boolean,
): readonly EventDraft[] {
  const normal = (reason: string, message: string): EventDraft => ({ type: 'Normal', reason, message });
  const warning = (reason: string, message: string): EventDraft => ({ type: 'Warning', reason, message });
  const written = put.filter((name) => !mended.includes(name));
  return [
    ...kept.map(([name, as]) =>
      warning('FileKept', `${name} had been changed at its place; the changed one is kept as ${as}.`),
    ),
    ...(mended.length > 0 ? [warning('FilesMended', `Deployed again, as declared: ${listed(mended)}.`)] : []),
    ...(written.length > 0 ? [normal('FilesDeployed', `Deployed ${listed(written)}.`)] : []),
    ...(remove.length > 0 ? [normal('FilesRemoved', `Not declared any more, and removed: ${listed(remove)}.`)] : []),
    ...(leave.length > 0
      ? [warning('FilesLeft', `Not declared any more, but changed at their place, and left: ${listed(leave)}.`)]
      : []),
    ...(fresh && leftOut.length > 0
      ? [warning('FilesLeftOut', `Left out, for the workspace is not trusted: ${listed(leftOut)}.`)]
      : []),
    ...(fresh && missing.length > 0 ? [warning('SkillMissing', `Not there: ${listed(missing)}.`)] : []),
  ];
}

const listed = (names: readonly string[]): string =>
  names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`;
