/** Made into one file by bundlers: an ES module. Prints the engine, once everything has worked. */
import { createProxy, SplicewayError } from 'spliceway';
import { relay } from './relay.cjs';

const refusal = await createProxy({ listen: 'nonsense', backends: [] }).catch((error) => error);
if (!(refusal instanceof SplicewayError)) throw new Error(`${refusal} is no SplicewayError`);
console.log(await relay(createProxy));
