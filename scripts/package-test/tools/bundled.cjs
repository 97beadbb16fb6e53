/** Made into one file by bundlers: CommonJS. Prints the engine, once everything has worked. */
const spliceway = require('spliceway');
const { relay } = require('./relay.cjs');

relay(spliceway.createProxy).then((engine) => console.log(engine));
