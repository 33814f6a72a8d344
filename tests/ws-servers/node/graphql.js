// A GraphQL server over WebSocket (the subprotocol graphql-transport-ws) by the npm packages graphql-ws, graphql and ws.
//
//     node graphql.js
//
// The first line it prints is its port; the path is /graphql. It runs until its standard input ends.
//
//   query        hello(name: String): String
//   subscription count(to: Int!, every: Int): Int      one each `every` milliseconds
//   subscription fails: Int                            an error after the first
//
// Whoever sends connection_init with {"token": "wrong"} is closed with 4403.
'use strict';

const http = require('node:http');
const { setTimeout: sleep } = require('node:timers/promises');
const { GraphQLInt, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, GraphQLString } = require('graphql');
const { useServer } = require('graphql-ws/use/ws');
const { WebSocketServer } = require('ws');

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: 'Query',
    fields: {
      hello: {
        type: GraphQLString,
        args: { name: { type: GraphQLString } },
        resolve: (_, { name }) => `hello ${name ?? 'world'}`,
      },
    },
  }),
  subscription: new GraphQLObjectType({
    name: 'Subscription',
    fields: {
      count: {
        type: GraphQLInt,
        args: { to: { type: new GraphQLNonNull(GraphQLInt) }, every: { type: GraphQLInt } },
        subscribe: async function* (_, { to, every }) {
          for (let number = 1; number <= to; number += 1) {
            yield { count: number };
            if (every) {
              await sleep(every);
            }
          }
        },
      },
      fails: {
        type: GraphQLInt,
        subscribe: async function* () {
          yield { fails: 1 };
          throw new Error('it fails as it says');
        },
      },
    },
  }),
});

const server = http.createServer();
useServer(
  { schema, onConnect: ({ connectionParams }) => connectionParams?.token !== 'wrong' },
  new WebSocketServer({ server, path: '/graphql' }),
);
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
