/** Owns: the version of this build; `SAC_VERSION` is put in by build.mjs. */
declare const SAC_VERSION: string | undefined;
export const VERSION: string = typeof SAC_VERSION === 'string' ? SAC_VERSION : '0.0.0-dev';
