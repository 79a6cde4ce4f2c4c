export declare function packageFolder(file: string): string | undefined;
export declare function licensesOf(bundle: string, folders: Iterable<string>): string;
