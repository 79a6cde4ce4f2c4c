import { useRef } from 'preact/hooks';
import { filesOfInput } from '../files/folders.ts';

export interface FilesInputOptions {
  readonly accept: string;
  readonly multiple?: boolean;
  /** Whether a phone takes a photo with its own camera instead. */
  readonly capture?: boolean;
}

/** The browser's dialog for files. @returns its input, and opens it */
export function useFilesInput(
  { accept, multiple, capture }: FilesInputOptions,
  take: (files: readonly File[]) => Promise<void>,
) {
  const input = useRef<HTMLInputElement>(null);
  return {
    ask: () => input.current?.click(),
    input: (
      <input
        ref={input}
        type="file"
        accept={accept}
        multiple={multiple}
        capture={capture ? 'environment' : undefined}
        hidden
        onChange={async ({ currentTarget }) => {
          const chosen = filesOfInput(currentTarget).map(({ file }) => file);
          currentTarget.value = '';
          await take(chosen);
        }}
      />
    ),
  };
}
