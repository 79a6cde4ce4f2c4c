/** Files by name, one folder a project, wherever the platform keeps them. A write is whole or not there at all. */
export interface ProjectStore {
  projects(): Promise<readonly string[]>;
  read(project: string, file: string): Promise<Blob | undefined>;
  write(project: string, file: string, contents: Blob | Uint8Array): Promise<void>;
  remove(project: string): Promise<void>;
  /**
   * Takes a project for this session alone.
   *
   * @returns gives it back
   * @throws ThawError `storage` if another tab, window or process has it
   */
  lock(project: string): Promise<() => void | Promise<void>>;
}
