import type { Progress } from './operations.ts';

const width = 30;

const barOf = (part: number) => {
  const full = Math.round(part * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
};

const number = new Intl.NumberFormat('en');

const lineOf = ({ list, events, done }: Progress): string =>
  `${list}  ${barOf(done)}  ${Math.floor(done * 100)} %  ${number.format(events)} events`;

/**
 * Shows how far work has come: one line that is written over where somebody watches a terminal, else a line for each
 * tenth, so that a log of it stays readable.
 */
export const progressBar = (out: NodeJS.WriteStream) => {
  let list = '';
  let tenth = -1;
  return {
    show: (step: Progress) => {
      if (out.isTTY) {
        if (list !== '' && list !== step.list) out.write('\n');
        out.write(`\r\u001b[2K${lineOf(step)}`);
      } else {
        const now = Math.floor(step.done * 10);
        if (list !== step.list || now !== tenth) out.write(`${lineOf(step)}\n`);
        tenth = now;
      }
      list = step.list;
    },
    end: () => {
      if (out.isTTY && list !== '') out.write('\n');
    },
  };
};
