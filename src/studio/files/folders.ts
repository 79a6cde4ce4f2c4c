/** Dropped or chosen files, by their folder. */

/** A file and the name of its folder; empty if it has none. */
export interface PlacedFile {
  readonly folder: string;
  readonly file: File;
}

/** Of an `<input type="file">`, whose files know their path if a folder was chosen. */
export const filesOfInput = (input: HTMLInputElement): PlacedFile[] =>
  Array.from(input.files ?? [], (file) => ({ folder: file.webkitRelativePath.split('/').at(-2) ?? '', file }));

/** Of a drop or of the clipboard, with the contents of folders. The list must be read before the event is over. */
export async function filesOfTransfer(transfer: DataTransfer): Promise<PlacedFile[]> {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry?.() ?? null);
  const loose = Array.from(transfer.files, (file) => ({ folder: '', file }));
  if (!entries.some((entry) => entry?.isDirectory)) return loose;
  return (await Promise.all(entries.map((entry) => (entry ? filesOfEntry(entry, '') : [])))).flat();
}

async function filesOfEntry(entry: FileSystemEntry, folder: string): Promise<PlacedFile[]> {
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    return [{ folder, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const placed: PlacedFile[] = [];
  // A reader gives a hundred entries at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return placed;
    // One by one: as arguments of one call, the files of a large folder are an error.
    for (const files of await Promise.all(some.map((one) => filesOfEntry(one, entry.name))))
      for (const file of files) placed.push(file);
  }
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;

/** The files of each folder; those of none are under an empty name. Hidden ones (`.DS_Store`) are left out. */
export function byFolder(placed: readonly PlacedFile[]): Map<string, File[]> {
  const folders = new Map<string, File[]>();
  for (const { folder, file } of placed) {
    if (file.name.startsWith('.')) continue;
    const there = folders.get(folder);
    if (there) there.push(file);
    else folders.set(folder, [file]);
  }
  return folders;
}
