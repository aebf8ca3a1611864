import { freePort, isPortFree } from './ports.ts';
import { portOwner } from './process-table.ts';
import { Refusal } from './refusal.ts';

/** A port that somebody asked for; 0 = any free one. */
export interface PortWish {
  readonly port: number;
  readonly variable: string;
  readonly option: string;
}

/** Turns wishes into ports, or says of all that are taken by whom and what to set. */
export async function choosePorts<Name extends string>(
  wishes: Readonly<Record<Name, PortWish>>,
): Promise<Record<Name, number>> {
  const list = Object.entries(wishes) as [Name, PortWish][];
  const taken = new Set(list.map(([, wish]) => wish.port));
  const faults: string[] = [];
  const ports = {} as Record<Name, number>;
  for (const [name, wish] of list) {
    if (wish.port === 0) ports[name] = await freePort(taken);
    else if (await isPortFree(wish.port)) ports[name] = wish.port;
    else faults.push(takenMessage(wish));
    taken.add(ports[name]);
  }
  const twice = list.filter(([, a], i) => a.port !== 0 && list.findIndex(([, b]) => b.port === a.port) < i);
  faults.push(...twice.map(([, wish]) => `${wish.variable}: port ${wish.port} is asked for twice.`));
  if (faults.length > 0) throw new Refusal(faults.join('\n'));
  return ports;
}

function takenMessage({ port, variable, option }: PortWish): string {
  const owner = portOwner(port);
  return (
    `Port ${port} is taken${owner === null ? '' : ` by ${owner}`}. ` +
    `Stop that program, or choose another port with ${variable}=… or ${option} … (0 = any free one).`
  );
}
