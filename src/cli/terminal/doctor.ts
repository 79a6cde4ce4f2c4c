import type { Doctor } from '../../node/doctor.ts';
import { SLOWDOWN } from '../../runtime/node/devices.ts';
import { definitions } from './table.ts';

/** The diagnosis as text. @param width columns of the terminal */
export function renderDoctor(doctor: Doctor, width = Number.POSITIVE_INFINITY): string {
  const { cpu, memory, sharp, cache } = doctor;
  const size = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const rows: [string, string][] = [
    ['Thaw', doctor.thaw],
    ['Node', doctor.node],
    ['system', [`${doctor.platform} ${doctor.arch}`, doctor.libc].filter(Boolean).join(', ')],
    ['processor', `${cpu.model}, ${cpu.cores} ${cpu.cores === 1 ? 'core' : 'cores'}`],
    ['memory', `${size(memory.total)}, ${size(memory.free)} free`],
    ...Object.entries(doctor.onnxruntime).map(([name, version]): [string, string] => [
      name,
      version ?? 'not installed',
    ]),
    ['sharp', sharp ? `${sharp.version}, libvips ${sharp.libvips}` : 'not installed'],
    ['images', imagesText(doctor)],
    ['cache', `${cache.folder}${cache.writable ? '' : ' (not writable)'}`],
    ['network', doctor.network],
  ];
  const table = (cells: [string, string][]) => definitions(cells, width).map(String);
  const devices = table(
    doctor.devices.map(({ device, available, reason, howToGetIt }) => [
      device,
      available ? `works: ${reason}` : `not available: ${reason}${howToGetIt ? `. ${howToGetIt}` : ''}`,
    ]),
  );
  const problems = doctor.problems.map(({ what, howToMend }) => `  ${what}. ${howToMend}`);
  return [
    ...table(rows),
    '',
    'Devices (--device):',
    ...devices,
    '',
    ...(problems.length > 0 ? ['Problems:', ...problems] : [nothingMissing(doctor)]),
  ].join('\n');
}

function imagesText({ images }: Doctor): string {
  const reads = images.filter((image) => image.reads).map(({ format }) => format);
  const others = images.filter((image) => !image.reads).map(({ format, howToGetIt }) => `${format} (${howToGetIt})`);
  return [`reads ${reads.join(' ') || 'none'}`, ...(others.length > 0 ? [`not ${others.join(', ')}`] : [])].join('; ');
}

const nothingMissing = ({ devices }: Doctor): string =>
  devices.some(({ device, available }) => device === 'cpu' && available)
    ? 'Nothing is missing to train on the CPU.'
    : `Nothing is missing to train on WebAssembly, which takes ${SLOWDOWN}.`;
