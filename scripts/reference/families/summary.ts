import type { ExportResult } from './compare.ts';

/** One export's result for the terminal, with up to `most` differences of each kind. */
export function summaryOf(name: string, result: ExportResult, most: number): string {
  const { outcome, message, parameters, gradients, unreferenced, onlyAsExported, lossOff } = result;
  if (message !== undefined) return `${name}: ${outcome}: ${message}`;
  const lines = [
    `${name}: ${outcome}, ${parameters!.trained} parameters (${parameters!.merged.length} merged by the exporter), ` +
      `${gradients!.compared} gradients compared, worst ${gradients!.worst.toExponential(1)}, loss off by ${lossOff!.toExponential(1)}`,
  ];
  const list = (what: string, items: readonly string[]) => {
    if (!items.length) return;
    const more = items.length > most ? `, and ${items.length - most} more` : '';
    lines.push(`    ${items.length} ${what}: ${items.slice(0, most).join(', ')}${more}`);
  };
  list('missing', parameters!.missing);
  list('trained, but no parameter', parameters!.extra);
  const wrong = gradients!.wrong.map(
    ({ name, relative, float32 }) =>
      `${name} (off by ${relative.toExponential(1)}, PyTorch's float32 ${float32.toExponential(1)})`,
  );
  list('wrong gradients', wrong);
  if (unreferenced) lines.push(`    ${unreferenced} merged initializers without a reference for their gradients`);
  if (onlyAsExported) lines.push(`    compared at the exported length only (at others: ${onlyAsExported})`);
  return lines.join('\n');
}
