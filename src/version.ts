/** Of Thaw, as in package.json (a test compares them): a page has no package to read it from. */
export const VERSION = '0.1.0';
