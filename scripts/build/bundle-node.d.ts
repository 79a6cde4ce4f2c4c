export declare function bundleNode(outdir: string): Promise<void>;
