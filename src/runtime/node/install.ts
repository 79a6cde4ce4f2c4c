import { arch, platform } from 'node:os';

/**
 * Installs a missing or broken onnxruntime-node. Its install script downloads CUDA's libraries on Linux x64. If the download fails,
 * npm leaves the whole package out, because it is an optional dependency. The variable skips the download and nothing else.
 */
export const INSTALL_RUNTIME =
  platform() === 'linux' && arch() === 'x64'
    ? 'ONNXRUNTIME_NODE_INSTALL=skip npm install thaw'
    : 'npm install thaw --include=optional';
