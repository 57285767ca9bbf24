/** Owns: the model server as a program, for trying a CLI by hand: `npx tsx e2e/model-server/main.ts [port]` prints its address. */
import { startModelServer } from './model-server.ts';

const server = await startModelServer({ port: Number(process.argv[2] ?? 0) });
process.stdout.write(`${server.url}\n`);
