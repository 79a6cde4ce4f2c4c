/** Set by scripts/studio/build.ts. */
declare const __ORT_VERSION__: string;

/** The address of the script that Vite bundles of it. */
declare module '*?worker&url' {
  const address: string;
  export default address;
}
