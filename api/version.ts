/** Owns: the version of this build, and what tells two builds of one version apart; put in by build.mjs. */
declare const SAC_VERSION: string | undefined;
declare const SAC_BUILD: string | undefined;
export const VERSION: string = typeof SAC_VERSION === 'string' ? SAC_VERSION : '0.0.0-dev';
/** 12 hex digits of a SHA-256 over the sources and the lock file; `dev` where nothing was built. */
export const BUILD: string = typeof SAC_BUILD === 'string' ? SAC_BUILD : 'dev';
