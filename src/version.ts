/** Of Thaw, as in package.json (a test compares them): a page has no package to read it from. */
export const VERSION = '0.1.0';

/** Of ONNX Runtime's packages that Thaw is tested with, as in package.json. */
export const ONNXRUNTIME = '1.30.0';

/** The oldest Node that Thaw and all its dependencies work with, as in package.json's `engines`. */
export const OLDEST_NODE = '20.19.0';
