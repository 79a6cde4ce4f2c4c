/** Set by scripts/studio/build.ts. */
declare const __ORT_VERSION__: string;
