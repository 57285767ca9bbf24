/**
 * Owns: the part of an agent's spec that says what it finds where it works: workspace, skills, MCP servers, venv.
 * Never: looks at a disk.
 */
import { z } from 'zod';

const text = z.string().refine((value) => !value.includes('\0') && !value.includes('\n'), {
  message: 'contains a NUL character or a line break, which no path here may have',
});
const ref = text
  .min(1)
  .max(250)
  .regex(/^[A-Za-z0-9_][\w./+@-]*$/, { message: 'is not the name of a branch, tag or commit' });

const gitSchema = z
  .strictObject({
    repo: text
      .min(1)
      .refine((repo) => !repo.startsWith('-'), { message: 'begins with "-"' })
      .meta({
        description: 'Repository on the host where the agent runs: its folder, or an address that git clones from.',
      }),
    ref: ref.default('HEAD').meta({ description: 'Branch, tag or commit that the work begins at.' }),
    worktree: z
      .literal(true)
      .default(true)
      .meta({ description: 'Every instance works in a git worktree of its own, on the branch sac/<instance>.' }),
  })
  .meta({
    description:
      'The workspace is a git worktree. What is not committed or merged is rescued to a ref, and kept, when the agent is deleted.',
  });

const objectSchema = z.strictObject({
  path: text.min(1).optional().meta({
    description: 'Working directory; ~ is the home. Default: workspaces/<instance> below SAC_HOME.',
  }),
  trust: z.boolean().default(true).meta({
    description:
      'false: configuration that is code for the agent (.claude hooks and settings, .mcp.json, .envrc) is left out of what is deployed, set aside where it lies there already, and it is said which.',
  }),
  drift: z.enum(['mend', 'report']).default('mend').meta({
    description:
      'What happens to a deployed file that was changed at its place. mend: it is deployed again, the changed one is kept as .orig. report: condition FilesSynced says so.',
  }),
  git: gitSchema.optional(),
});

export const workspaceSchema = z
  .union([text.min(1), objectSchema], { error: 'is not a path or {path, trust, drift, git}' })
  .optional()
  .meta({
    description:
      'Working directory: a path, or {path, trust, drift, git}. Default: workspaces/<instance> below SAC_HOME.',
  });
export type WorkspaceOptions = z.output<typeof objectSchema>;

const DEFAULTS: WorkspaceOptions = { trust: true, drift: 'mend' };
/** The short form is a path. */
export const workspaceOptions = (workspace: string | WorkspaceOptions | undefined): WorkspaceOptions =>
  typeof workspace === 'string' ? { ...DEFAULTS, path: workspace } : (workspace ?? DEFAULTS);

const skill = text.min(1).max(1_000).meta({
  description: 'Name of a folder in ~/.claude/skills, or a path (with /) of a skill folder or .md file.',
});
export const skillsSchema = z
  .strictObject({
    required: z.array(skill).default([]).meta({ description: 'Skills the agent has read when it begins.' }),
    available: z.array(skill).default([]).meta({ description: 'Skills the agent is told of.' }),
    injectionMode: z.enum(['at-import', 'block']).default('at-import').meta({
      description:
        'How required skills are named at the end of the instructions file. at-import: a line @path each, which Claude Code reads in; block: a list.',
    }),
  })
  .prefault({})
  .meta({
    description: "Skills named in the agent's instructions file (CLAUDE.md; AGENTS.md and GEMINI.md elsewhere).",
  });

const serverText = z.string().max(131_072);
export const mcpServersSchema = z
  .record(
    z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, { message: 'is not a server name (letters, digits, "_", "-", ".")' }),
    z
      .strictObject({
        type: z.enum(['stdio', 'sse', 'http']).optional().meta({ description: 'Default: stdio with command.' }),
        command: serverText.min(1).optional().meta({ description: 'Program of a stdio server.' }),
        args: z.array(serverText).optional().meta({ description: 'Its arguments.' }),
        env: z.record(z.string(), serverText).optional().meta({ description: 'Its environment variables.' }),
        url: serverText.min(1).optional().meta({ description: 'Address of an sse or http server.' }),
        headers: z.record(z.string(), serverText).optional().meta({ description: 'HTTP headers.' }),
      })
      .refine(({ command, url }) => (command === undefined) !== (url === undefined), {
        message: 'needs either command or url',
        when: ({ value }) => typeof value === 'object' && value !== null,
      }),
  )
  .default({})
  .meta({
    description:
      'MCP servers, merged into .mcp.json over those of src_mcp.json. ${NAME} takes an environment variable.',
  });

export const venvSchema = text
  .min(1)
  .optional()
  .meta({ description: 'Python venv that is active in the environment; ~ is the home, relative to the workspace.' });
