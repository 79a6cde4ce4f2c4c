import { arch, platform } from 'node:os';

/**
 * Command for a missing or broken onnxruntime-node. Its install script downloads CUDA's libraries on Linux x64. If the download fails, npm
 * skips the whole package, because it is an optional dependency. The variable skips only the download.
 */
export const INSTALL_RUNTIME =
  platform() === 'linux' && arch() === 'x64'
    ? 'ONNXRUNTIME_NODE_INSTALL=skip npm install thaw'
    : 'npm install thaw --include=optional';
