import { useSignal } from '@preact/signals';
import { inElectron, saveModel } from '../../electron/client.ts';
import { folderAsZip } from '../../web/download.ts';
import { useStudio } from '../context.ts';
import { thumbnailOf } from '../files/images.ts';
import { saveFile } from '../files/save.ts';
import { Icon } from './icon.tsx';
import { Trouble } from './trouble.tsx';

const USE = `import { pipeline } from '@huggingface/transformers';
const classify = await pipeline('image-classification', './model');`;

/** Mistakes whose images are in the report. */
const MISTAKES = 24;

/** The finished model, and how it is used. */
export function DownloadSection() {
  const { teaching, board } = useStudio();
  const copied = useSignal(false);
  /** The folder, if a dialog asked for one. */
  const saved = useSignal<string | undefined>(undefined);
  const result = teaching.result.value;
  if (!result) return null;
  const bytes = result.files.reduce((sum, [, contents]) => sum + contents.length, 0);

  const download = async () => {
    board.clear('download');
    try {
      if (inElectron()) {
        saved.value = await saveModel(result.files);
        return;
      }
      saveFile(await folderAsZip(result.files), 'model.zip');
    } catch (error) {
      board.fail('download', error);
    }
  };
  const saveReport = async () => {
    board.clear('download');
    try {
      const shown = result.mistakes.slice(0, MISTAKES);
      const thumbnails = await Promise.all(
        shown.map(async ({ sample, blob }) => [sample, await thumbnailOf(blob)] as const),
      );
      const report = await teaching.report(new Map(thumbnails));
      if (report !== undefined) saveFile(new Blob([report], { type: 'text/html' }), 'report.html');
    } catch (error) {
      board.fail('download', error);
    }
  };
  const copy = async () => {
    await navigator.clipboard.writeText(USE);
    copied.value = true;
    setTimeout(() => {
      copied.value = false;
    }, 2000);
  };
  return (
    <section id="download" aria-labelledby="download-title">
      <h2 id="download-title">
        <span class="number">5</span> Take it with you
      </h2>
      <p class="lead">
        The model is yours: an ordinary ONNX file, with the files that transformers.js needs. It never left this device.
      </p>
      <button type="button" class="primary wide" onClick={download}>
        <Icon name="download" />
        {inElectron() ? 'Save' : 'Download'} ({(bytes / 1e6).toFixed(1)} MB)
      </button>
      <button type="button" class="secondary wide" onClick={saveReport}>
        <Icon name="file" />
        Save the report
      </button>
      {saved.value && <p aria-live="polite">It is in {saved.value}.</p>}
      <Trouble place="download" />
      <p class="hint">{inElectron() ? 'Use it' : 'Unzip it, and use it'} in a page or in Node:</p>
      <div class="code">
        <pre>
          <code>{USE}</code>
        </pre>
        {/* Over http, browsers give no clipboard. */}
        {navigator.clipboard && (
          <button type="button" class="quiet" onClick={copy} aria-label="Copy the two lines">
            <Icon name={copied.value ? 'check' : 'copy'} />
          </button>
        )}
      </div>
    </section>
  );
}
