// Package socketio reads and writes the text packets of Engine.IO protocol 4
// and Socket.IO protocol 5, the way Breeze's streams speak them over a
// websocket. It serves both ends: the engine's client and a simulated venue.
//
// It owns nothing and does no I/O: [Parse] points into the payload that it is
// given, and the Append functions write into the caller's buffer. It knows
// neither frames (who masks, who pings the wire) nor what an event's argument
// means: that is the business of whoever decodes it.
//
// The way of a connection, client on the left:
//
//	          <- 0{"sid":…,"pingInterval":25000,"pingTimeout":20000,…}   Open
//	40{"user":…,"token":…} ->                                            Connect
//	          <- 40{"sid":…}  or  44{"message":…}                        Connect, ConnectError
//	42["join",["4.1!42505","4.2!42505"]] ->                              Event
//	          <- 42["stock",[…]]                                         Event
//	          <- 2                                                       Ping: the server asks
//	3 ->                                                                 Pong: the client answers
//	41 ->                                                                Disconnect
package socketio
