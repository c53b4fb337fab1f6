// S1 and S2 in ns-3: one TCP connection over a point-to-point link, CUBIC, an MSS of 1448, and its own defaults for
// the rest (delayed ACK for every second segment). Prints one line of JSON; CPU time is that of Simulator::Run alone.
//
//   ns3 s1 NODELAY MESSAGES     ns3 s2 SECONDS

#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

using namespace ns3;

namespace {

constexpr uint32_t kMessage = 512;
constexpr uint32_t kBlock = 64 * 1448;

uint64_t g_packets = 0;
uint64_t g_received = 0;
uint32_t g_messages = 0;
std::vector<int64_t> g_due;
std::vector<int64_t> g_latency;

double CpuSeconds()
{
    timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

void CountPacket(Ptr<const Packet>)
{
    g_packets++;
}

// A message has arrived when its last byte has.
void Read(Ptr<Socket> socket)
{
    while (Ptr<Packet> packet = socket->Recv())
    {
        if (packet->GetSize() == 0)
        {
            break;
        }
        g_received += packet->GetSize();
    }
    while (g_latency.size() < g_due.size() && (g_latency.size() + 1) * kMessage <= g_received)
    {
        g_latency.push_back(Simulator::Now().GetNanoSeconds() - g_due[g_latency.size()]);
    }
}

void Accept(Ptr<Socket> socket, const Address&)
{
    socket->SetRecvCallback(MakeCallback(&Read));
}

void SendMessage(Ptr<Socket> socket)
{
    g_due.push_back(Simulator::Now().GetNanoSeconds());
    socket->Send(Create<Packet>(kMessage));
    if (g_due.size() < g_messages)
    {
        Simulator::Schedule(MilliSeconds(10), &SendMessage, socket);
    }
}

void Fill(Ptr<Socket> socket, uint32_t)
{
    while (socket->GetTxAvailable() >= kBlock && socket->Send(Create<Packet>(kBlock)) > 0)
    {
    }
}

void Connected(Ptr<Socket> socket)
{
    if (g_messages)
    {
        SendMessage(socket);
        return;
    }
    socket->SetSendCallback(MakeCallback(&Fill));
    Fill(socket, 0);
}

int64_t Quantile(double share)
{
    return g_latency.empty() ? 0 : g_latency[static_cast<size_t>(share * (g_latency.size() - 1))];
}

} // namespace

int main(int argc, char** argv)
{
    const bool bulk = argc < 4;
    const int seconds = bulk ? std::atoi(argv[2]) : std::atoi(argv[3]) / 100 + 5;
    g_messages = bulk ? 0 : std::atoi(argv[3]);

    Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(1448));
    Config::SetDefault("ns3::TcpSocket::TcpNoDelay", BooleanValue(bulk || std::string(argv[2]) == "true"));
    Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(bulk ? 4 << 20 : 128 << 10));
    Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(bulk ? 4 << 20 : 128 << 10));
    Config::SetDefault("ns3::TcpL4Protocol::SocketType", StringValue("ns3::TcpCubic"));

    NodeContainer nodes;
    nodes.Create(2);
    PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", StringValue(bulk ? "100Mbps" : "10Mbps"));
    link.SetChannelAttribute("Delay", StringValue("5ms"));
    NetDeviceContainer devices = link.Install(nodes);
    InternetStackHelper().Install(nodes);
    Ipv4AddressHelper addresses;
    addresses.SetBase("10.0.0.0", "255.255.255.0");
    Ipv4InterfaceContainer interfaces = addresses.Assign(devices);
    for (uint32_t i = 0; i < 2; i++)
    {
        devices.Get(i)->TraceConnectWithoutContext("PhyTxEnd", MakeCallback(&CountPacket));
    }

    TypeId tcp = TypeId::LookupByName("ns3::TcpSocketFactory");
    Ptr<Socket> server = Socket::CreateSocket(nodes.Get(1), tcp);
    server->Bind(InetSocketAddress(Ipv4Address::GetAny(), 5000));
    server->Listen();
    server->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address&>(), MakeCallback(&Accept));
    Ptr<Socket> client = Socket::CreateSocket(nodes.Get(0), tcp);
    client->SetConnectCallback(MakeCallback(&Connected), MakeNullCallback<void, Ptr<Socket>>());
    const InetSocketAddress there(interfaces.GetAddress(1), 5000);
    Simulator::Schedule(Seconds(0), [&]() { client->Connect(there); });
    Simulator::Stop(Seconds(seconds));

    const double started = CpuSeconds();
    Simulator::Run();
    const double cpu = CpuSeconds() - started;
    std::sort(g_latency.begin(), g_latency.end());
    std::printf("{\"cpu_s\": %.6f, \"events\": %llu, \"packets\": %llu, \"messages\": %zu, "
                "\"throughput_bps\": %.0f, \"p50_ns\": %lld, \"p99_ns\": %lld}\n",
                cpu,
                static_cast<unsigned long long>(Simulator::GetEventCount()),
                static_cast<unsigned long long>(g_packets),
                g_latency.size(),
                g_received * 8.0 / seconds,
                static_cast<long long>(Quantile(0.5)),
                static_cast<long long>(Quantile(0.99)));
    Simulator::Destroy();
    return 0;
}
