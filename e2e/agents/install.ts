/**
 * Owns: the real agent CLIs that tests run: which versions, where they are cached, how they get there (npm, on demand).
 * Never: a dependency of the product; nothing is installed into the repository.
 */
import { spawn } from 'node:child_process';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Package {
  readonly name: string;
  /** The versions that the screens of our tests were taken from. */
  readonly version: string;
  readonly program: string;
}

const PACKAGES = {
  'claude-code': { name: '@anthropic-ai/claude-code', version: '2.1.197', program: 'claude' },
  codex: { name: '@openai/codex', version: '0.169.0', program: 'codex' },
  gemini: { name: '@google/gemini-cli', version: '0.61.0', program: 'gemini' },
  opencode: { name: 'opencode-ai', version: '1.18.33', program: 'opencode' },
  pi: { name: '@mariozechner/pi-coding-agent', version: '0.73.1', program: 'pi' },
} as const satisfies Record<string, Package>;

export type AgentCli = keyof typeof PACKAGES;
export const AGENT_CLIS = Object.keys(PACKAGES) as readonly AgentCli[];

const cacheDir = (): string => process.env['SAC_E2E_CACHE'] || join(homedir(), '.cache', 'sac-e2e');

export interface InstalledCli {
  /** Absolute path of the program. */
  readonly program: string;
  /** Folder to put on PATH. */
  readonly bin: string;
  readonly version: string;
}

/** The CLI, installed when it is not there yet. Safe to call concurrently: the finished folder is moved into place. */
export async function installAgent(cli: AgentCli, version: string = PACKAGES[cli].version): Promise<InstalledCli> {
  const { name, program }: Package = PACKAGES[cli];
  const folder = join(cacheDir(), `${cli}-${version}`);
  const bin = join(folder, 'node_modules', '.bin');
  const installed = { program: join(bin, program), bin, version };
  if (await exists(installed.program)) return installed;
  const building = `${folder}.${process.pid}`;
  await mkdir(building, { recursive: true });
  try {
    await npm(['install', '--prefix', building, '--no-audit', '--no-fund', '--loglevel=error', `${name}@${version}`]);
    await rename(building, folder).catch(async (error: unknown) => {
      // Another process was faster; anything else is a failure.
      if (!(await exists(installed.program))) throw error;
    });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return installed;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

function npm(args: readonly string[]): Promise<void> {
  return new Promise((done, failed) => {
    const child = spawn('npm', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 600_000 });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', failed);
    child.on('close', (code) => (code === 0 ? done() : failed(new Error(`npm ${args.join(' ')}: ${stderr}`))));
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const cli of AGENT_CLIS.filter((known) => process.argv.slice(2).includes(known))) {
    const { program } = await installAgent(cli);
    process.stdout.write(`${program}\n`);
  }
}
