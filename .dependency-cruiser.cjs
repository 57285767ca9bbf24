/** Import rules of docs/architecture.md. A broken rule fails `npm run lint`. */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from, pathNot: '\\.test\\.ts$' },
  to: { pathNot: allowed, path: '^(api|controller|adapters|cli|sim|bench|e2e)/' },
});
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only', 'dynamic-import'] } },
    },
    only('resources-stand-alone', '^api/resources/', '^api/resources/', 'api/resources imports nothing else of ours'),
    only('versions-know-resources', '^api/versions/', '^api/(versions|resources)/', 'conversions are pure'),
    only(
      'manifests-know-resources',
      '^api/manifests/',
      '^api/(manifests|versions|resources)/',
      'reading manifests needs no controller',
    ),
    only(
      'client-knows-protocol',
      '^api/(client|protocol)\\.ts$',
      '^api/(client|protocol|version)\\.ts$|^api/resources/',
      'the client needs the protocol alone',
    ),
    only(
      'tables-know-resources',
      '^api/tables/',
      '^api/tables/|^api/resources/|^api/protocol\\.ts$',
      'tables are text',
    ),
    only(
      'server-knows-ports',
      '^api/server/',
      '^api/(server|resources|manifests|tables)/|^api/(protocol|version|home)\\.ts$',
      'the server sees the controller through ports beside it',
    ),
    only('adapters-know-resources', '^adapters/', '^adapters/|^api/resources/', 'hands decide nothing'),
    only('plan-is-pure', '^controller/plan/', '^controller/plan/|^api/resources/', 'planning is a function'),
    only(
      'machine-is-pure',
      '^controller/machine/',
      '^controller/(machine|plan)/|^api/resources/',
      'deciding is a function',
    ),
    only(
      'cli-is-a-client',
      '^cli/',
      '^cli/|^api/(accounts|client|protocol|home|version)\\.ts$|^api/(resources|versions|manifests|tables)/|^adapters/profiles/',
      'the CLI talks to the API only; how screens read is pure and needs no controller',
    ),
    only(
      'controller-does-not-know-the-cli',
      '^controller/',
      '^controller/|^adapters/|^api/',
      'the controller serves, it does not print',
    ),
    {
      name: 'pure-rooms-import-no-node',
      comment: 'the pure core runs anywhere, also in the simulation',
      severity: 'error',
      from: { path: '^(api/resources|api/versions|controller/plan|controller/machine)/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'only-main-names-adapters',
      comment: 'the composition root alone names concrete adapters',
      severity: 'error',
      from: { path: '^controller/', pathNot: '^controller/(main\\.ts$|compose/)|\\.test\\.ts$' },
      to: {
        path: '^adapters/(transport|runtimes|profiles)/[^/]+/|^adapters/registry',
        pathNot: '^adapters/(transport|runtimes|profiles)/[^/]+\\.ts$',
      },
    },
    {
      name: 'kysely-only-in-store',
      severity: 'error',
      from: { pathNot: '^controller/store/|^node_modules' },
      to: { path: 'node_modules/(kysely|better-sqlite3)/' },
    },
    {
      name: 'execa-only-in-transport',
      severity: 'error',
      from: { path: '^(api|controller|adapters)/', pathNot: '^adapters/transport/|\\.test\\.ts$' },
      to: { path: 'node_modules/execa/|^(node:)?child_process$' },
    },
    {
      name: 'chokidar-only-in-desired',
      severity: 'error',
      from: { pathNot: '^controller/desired/|^node_modules' },
      to: { path: 'node_modules/chokidar/' },
    },
    {
      name: 'xstate-only-in-machine',
      severity: 'error',
      from: { pathNot: '^controller/machine/|^node_modules' },
      to: { path: 'node_modules/xstate/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.mjs', '.js'] },
  },
};
