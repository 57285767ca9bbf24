/** A controller lives for weeks and mostly waits: memory counts for more than the speed of young-generation collections. */
export const CONTROLLER_NODE_FLAGS: readonly string[] = ['--optimize-for-size', '--max-semi-space-size=2'];
