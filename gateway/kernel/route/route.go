package route

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/netstate"
)

// rtaNextHop is the number of a next hop that is an object of its own (linux/rtnetlink.h, RTA_NH_ID); the kernel tells what it says too.
const rtaNextHop = 30

// kinds are the kernel's numbers for what a route does with a packet.
func kinds() map[netstate.RouteType]uint8 {
	return map[netstate.RouteType]uint8{
		netstate.Unicast: unix.RTN_UNICAST, netstate.Local: unix.RTN_LOCAL, netstate.Broadcast: unix.RTN_BROADCAST,
		netstate.Anycast: unix.RTN_ANYCAST, netstate.Multicast: unix.RTN_MULTICAST, netstate.Blackhole: unix.RTN_BLACKHOLE,
		netstate.Unreachable: unix.RTN_UNREACHABLE, netstate.Prohibit: unix.RTN_PROHIBIT, netstate.Throw: unix.RTN_THROW,
	}
}

// Routes returns the routes of every table and both families.
func (c *Conn) Routes() ([]netstate.Route, error) {
	var routes []netstate.Route
	err := repeat(func() error {
		links, err := c.links()
		if err != nil {
			return err
		}
		routes, err = c.routes(nameByIndex(links))
		return err
	})
	return netstate.State{Routes: routes}.Canonical().Routes, err
}

func (c *Conn) routes(names map[int]string) ([]netstate.Route, error) {
	four, err4 := c.routesOf(netstate.IPv4, 0, names)
	six, err6 := c.routesOf(netstate.IPv6, 0, names)
	return slices.Concat(four, six), errors.Join(err4, err6)
}

// routesOf returns the routes of one family: of one table, or of every table when it is zero.
func (c *Conn) routesOf(family netstate.Family, table uint32, names map[int]string) ([]netstate.Route, error) {
	bodies, err := c.dump(unix.RTM_GETROUTE, routeFilter(family, table), unix.SizeofRtMsg)
	if table != 0 && errors.Is(err, unix.ENOENT) {
		return nil, nil // a table without routes does not exist
	}
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	routes := make([]netstate.Route, 0, len(bodies))
	for _, body := range bodies {
		if body[0] != protocolFamily(family) || get32(body[8:])&unix.RTM_F_CLONED != 0 {
			continue // another family's, or a remembered decision and not a route
		}
		several, err := decodeRoute(family, body, names)
		if err != nil {
			return nil, fmt.Errorf("read route: %w", err)
		}
		routes = append(routes, several...)
	}
	return routes, nil
}

// routeFilter asks for a family's routes. Kernels since 4.20 leave the other tables out; older ones tell all.
func routeFilter(family netstate.Family, table uint32) []byte {
	header := make([]byte, unix.SizeofRtMsg)
	header[0] = protocolFamily(family)
	if table == 0 {
		return header
	}
	header = binary.NativeEndian.AppendUint16(header, 8)
	header = binary.NativeEndian.AppendUint16(header, unix.RTA_TABLE)
	return binary.NativeEndian.AppendUint32(header, table)
}

// place returns the routes that compete with one for its place: same table, destination and metric.
func (c *Conn) place(r netstate.Route) ([]netstate.Route, error) {
	var routes []netstate.Route
	err := repeat(func() error {
		links, err := c.links()
		if err != nil {
			return err
		}
		routes, err = c.routesOf(r.Family(), r.Table, nameByIndex(links))
		return err
	})
	routes = slices.DeleteFunc(netstate.State{Routes: routes}.Canonical().Routes, func(s netstate.Route) bool {
		return s.Table != r.Table || s.Destination != r.Destination || s.Metric != r.Metric
	})
	return routes, err
}

// hop is a next hop: one of several, or the route's only one.
type hop struct {
	via   netip.Addr
	link  uint32
	other []string
}

func (h *hop) read(a *netlink.AttributeDecoder) bool {
	switch a.Type() {
	case unix.RTA_OIF:
		h.link = a.Uint32()
	case unix.RTA_GATEWAY:
		h.via, _ = netip.AddrFromSlice(a.Bytes())
	case unix.RTA_VIA: // a router of the other family: two octets of family, then the address
		if b := a.Bytes(); len(b) > 2 {
			h.via, _ = netip.AddrFromSlice(b[2:])
		}
	case unix.RTA_ENCAP_TYPE:
		h.other = append(h.other, fmt.Sprintf("encap %d", a.Uint16()))
	case unix.RTA_ENCAP:
	default:
		return false
	}
	return true
}

// routeReader gathers what a route's message says and what netstate does not hold of it.
type routeReader struct {
	route netstate.Route
	hops  []hop
	other []string
}

func decodeRoute(family netstate.Family, body []byte, names map[int]string) ([]netstate.Route, error) {
	r := routeReader{route: netstate.Route{Destination: family.All(), Table: uint32(body[4]), Protocol: body[5]}}
	r.header(body)
	attributes, err := netlink.NewAttributeDecoder(body[unix.SizeofRtMsg:])
	if err != nil {
		return nil, err
	}
	var only hop
	for attributes.Next() {
		if !only.read(attributes) && !r.read(body, attributes) {
			r.other = append(r.other, fmt.Sprintf("attribute %d 0x%x", attributes.Type(), attributes.Bytes()))
		}
	}
	if len(r.hops) == 0 {
		r.hops = []hop{only}
	}
	if err := attributes.Err(); err != nil {
		return nil, err
	}
	return r.each(names)
}

// header reads the type of the route, and what it says of the packet's source and service type.
func (r *routeReader) header(body []byte) {
	known := false
	for kind, n := range kinds() {
		if n == body[7] {
			r.route.Type, known = kind, true
		}
	}
	if !known {
		r.other = append(r.other, fmt.Sprintf("type %d", body[7]))
	}
	if body[3] != 0 {
		r.other = append(r.other, fmt.Sprintf("tos %d", body[3]))
	}
}

// read takes an attribute of the whole route and says whether it is known. What changes no decision (metrics, lifetimes, the source
// address of own packets) is passed over.
func (r *routeReader) read(body []byte, a *netlink.AttributeDecoder) bool {
	switch a.Type() {
	case unix.RTA_DST:
		r.route.Destination = prefix(a.Bytes(), body[1])
	case unix.RTA_TABLE:
		r.route.Table = a.Uint32()
	case unix.RTA_PRIORITY:
		r.route.Metric = a.Uint32()
	case unix.RTA_SRC:
		r.other = append(r.other, "from "+prefix(a.Bytes(), body[2]).String())
	case unix.RTA_MULTIPATH:
		a.Do(r.multipath)
	case unix.RTA_PREFSRC, unix.RTA_METRICS, unix.RTA_CACHEINFO, unix.RTA_PREF, unix.RTA_FLOW, unix.RTA_EXPIRES, rtaNextHop,
		unix.RTA_TTL_PROPAGATE, unix.RTA_PAD:
	default:
		return false
	}
	return true
}

// multipath reads next hops: each a struct rtnexthop (linux/rtnetlink.h) and its attributes.
func (r *routeReader) multipath(b []byte) error {
	for len(b) >= unix.SizeofRtNexthop {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtNexthop || size > len(b) {
			return unix.EBADMSG
		}
		h := hop{link: get32(b[4:])}
		attributes, err := netlink.NewAttributeDecoder(b[unix.SizeofRtNexthop:size])
		if err != nil {
			return err
		}
		for attributes.Next() {
			h.read(attributes)
		}
		if err := attributes.Err(); err != nil {
			return err
		}
		r.hops, b = append(r.hops, h), b[min((size+3)&^3, len(b)):]
	}
	return nil
}

// each returns one route for every next hop.
func (r *routeReader) each(names map[int]string) ([]netstate.Route, error) {
	routes := make([]netstate.Route, len(r.hops))
	for i, h := range r.hops {
		link, err := name(names, h.link)
		if err != nil {
			return nil, err
		}
		other := slices.Sorted(slices.Values(slices.Concat(r.other, h.other)))
		routes[i] = r.route
		routes[i].Interface, routes[i].Via, routes[i].Other = link, h.via, strings.Join(other, " ")
	}
	return routes, nil
}

// routeRequest writes a route's whole message.
func routeRequest(number numbering, r netstate.Route) ([]byte, *netlink.AttributeEncoder, error) {
	if r.Other != "" {
		return nil, nil, fmt.Errorf("%q: %w", r.Other, errors.ErrUnsupported)
	}
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[1], header[5], header[6] = protocolFamily(r.Family()), bits(r.Destination), r.Protocol, scope(r)
	header[7] = kinds()[r.Type]
	attributes := netlink.NewAttributeEncoder()
	attributes.Uint32(unix.RTA_TABLE, r.Table)
	if r.Destination.Bits() > 0 {
		attributes.Bytes(unix.RTA_DST, r.Destination.Addr().AsSlice())
	}
	attributes.Uint32(unix.RTA_PRIORITY, r.Metric)
	if r.Via.IsValid() {
		attributes.Bytes(unix.RTA_GATEWAY, r.Via.AsSlice())
	}
	if r.Interface != "" {
		index, err := number(r.Interface)
		if err != nil {
			return nil, nil, err
		}
		attributes.Uint32(unix.RTA_OIF, index)
	}
	return header, attributes, nil
}

// scope is how far away an IPv4 destination is, as ip(8) chooses it; IPv6 has none.
func scope(r netstate.Route) uint8 {
	switch {
	case r.Family() == netstate.IPv6:
		return unix.RT_SCOPE_UNIVERSE
	case r.Type == netstate.Local:
		return unix.RT_SCOPE_HOST
	case r.Type == netstate.Unicast && !r.Via.IsValid():
		return unix.RT_SCOPE_LINK
	}
	return unix.RT_SCOPE_UNIVERSE
}

func newRoute(number numbering, r netstate.Route) (netlink.Message, error) {
	header, attributes, err := routeRequest(number, r)
	if err != nil {
		return netlink.Message{}, err
	}
	return request(unix.RTM_NEWROUTE, netlink.Create|netlink.Excl, header, attributes)
}

// addRoute adds a route. The kernel says EEXIST of any route with the same table, destination and metric: only an equal one is fine.
func (c *Conn) addRoute(r netstate.Route) error {
	err := c.send(newRoute(c.index, r))
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	standing, readErr := c.place(r)
	if slices.Contains(standing, r) || readErr != nil {
		return readErr
	}
	return fmt.Errorf("in its place stands %v: %w", standing, unix.EEXIST)
}

func (c *Conn) changeRoute(r netstate.Route) error {
	header, attributes, err := routeRequest(c.index, r)
	if err != nil {
		return err
	}
	return c.write(unix.RTM_NEWROUTE, netlink.Create|netlink.Replace, header, attributes)
}

// removeRoute removes one route. It asks first whether exactly this one is there: the kernel takes a metric of zero for any metric.
func (c *Conn) removeRoute(r netstate.Route) error {
	standing, err := c.place(r)
	if err != nil || !slices.Contains(standing, r) {
		return err
	}
	header, attributes, err := routeRequest(c.index, r)
	if err != nil {
		return err
	}
	return c.write(unix.RTM_DELROUTE, 0, header, attributes)
}
