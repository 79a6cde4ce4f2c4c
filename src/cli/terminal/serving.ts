import { renderUnicodeCompact } from 'uqr';
import type { Serving } from '../../node/commands/serving.ts';
import type { Terminal } from './terminal.ts';

/** Prints where a page is served, with a QR code of the address for phones. */
export function printServing(
  title: string,
  { address, network }: Pick<Serving, 'address' | 'network'>,
  terminal: Terminal,
): void {
  const { colours: c } = terminal;
  const [phone, ...others] = network;
  terminal.printWhole(`${title}: ${address}`);
  if (phone !== undefined) {
    terminal.printWhole(`For other devices: ${phone}`);
    printCode(phone, terminal);
    for (const other of others) terminal.printWhole(`If that does not answer: ${other}`);
    terminal.print('Everybody on the network who has this address can open the page.');
    if (phone.startsWith('http:'))
      terminal.print(c.yellow('note  over http, other devices get no live camera and one thread; see --cert'), 6);
  }
  terminal.print('Press Ctrl-C to stop.');
}

/** A QR code, white on black whatever the terminal's colours are, since scanners need that. Only on a terminal that is wide enough. */
function printCode(text: string, terminal: Terminal): void {
  const lines = renderUnicodeCompact(text, { border: 2 }).split('\n');
  if (!terminal.live || lines[0].length > terminal.width) return;
  const { bgBlack, whiteBright } = terminal.colours;
  for (const line of lines) terminal.printWhole(bgBlack(whiteBright(line)));
}
