/** Saves a file: the browser's download. */
export function saveFile(contents: Blob, name: string): void {
  const url = URL.createObjectURL(contents);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has it when it asks for the first bytes, of which nothing tells.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
