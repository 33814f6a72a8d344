/** The door to what only the world `scenario` has. */
export { default as group } from "prony:plugin/group@0.1.1";
export { default as grpc } from "prony:plugin/grpc@0.1.1";
export { default as http } from "prony:plugin/http@0.1.1";
export { default as mqtt } from "prony:plugin/mqtt@0.1.1";
export { default as timer } from "prony:plugin/timer@0.1.1";
export { default as ws } from "prony:plugin/ws@0.1.1";
